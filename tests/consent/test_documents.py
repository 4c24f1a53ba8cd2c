"""What parties, lists and notices share: bounds of their fields, rows that are read again or said to be unreadable."""

from pathlib import Path

import msgspec
import pytest

from consent import documents
from consent.database import RegistryError
from consent.documents import DocumentError
from consent.schema import notices
from tests.rig import registry


class Note(msgspec.Struct, frozen=True):
    """A value for these tests."""

    id: str
    text: str


def test_a_row_is_added_once_and_replaced_by_write(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        with database.writing() as connection:
            row = {"customer": "acme", "id": "a", "document": documents.encoded(Note("a", "one"))}
            assert documents.add(database, connection, notices, row)
            assert not documents.add(database, connection, notices, row | {"document": "{}"})
            assert documents.read(notices, Note, connection, "acme", "a") == Note("a", "one")
            documents.write(database, connection, notices, row | {"document": documents.encoded(Note("a", "two"))})
        with database.reading() as connection:
            assert documents.read(notices, Note, connection, "acme", "a") == Note("a", "two")
            assert documents.read(notices, Note, connection, "brand", "a") is None


@pytest.mark.parametrize("text", ["", "{", '{"id": 1, "text": "x"}', '{"id": "a"}'])
def test_a_row_of_another_form_is_an_error_of_the_registry_that_names_it(text: str) -> None:
    with pytest.raises(RegistryError, match="notices 'a' cannot be read by this version"):
        documents.decoded(notices, Note, "a", text)


@pytest.mark.parametrize("tag", ["", "en", "pt-BR", "zh-Hant-TW", "de-1996"])
def test_a_language_tag_may_be_any_of_bcp_47_s_form(tag: str) -> None:
    documents.language_tag("notice 'a'", tag)
    with pytest.raises(DocumentError):
        documents.language_tag("notice 'a'", f"{tag}_")


@pytest.mark.parametrize("tag", ["e", "english please", "en_GB", "en\n", "en-", "-en"])
def test_what_is_no_language_tag_is_refused_with_an_example(tag: str) -> None:
    with pytest.raises(DocumentError, match="notice 'a': language must be a BCP 47 tag such as 'en'"):
        documents.language_tag("notice 'a'", tag)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "www.acme.example", "https://a b", 'https://a"b', "https://"])
def test_only_a_web_address_is_one(url: str) -> None:
    with pytest.raises(DocumentError, match="url must be a web address such as"):
        documents.web_address("party 'a'", "url", url)


def test_texts_are_bounded_and_printable() -> None:
    documents.bounded("list 'a'", "description", "two\nlines", 20, lines=True)
    for value, lines in (("two\nlines", False), ("esc\x1b[2J", True), ("\u202egnihsihp", True)):
        with pytest.raises(DocumentError, match="must be printable text"):
            documents.bounded("list 'a'", "name", value, 20, lines=lines)
    with pytest.raises(DocumentError, match="name is longer than 3 characters"):
        documents.bounded("list 'a'", "name", "four", 3)
    with pytest.raises(DocumentError, match="name is required"):
        documents.required("list 'a'", "name", "  ", 3)
