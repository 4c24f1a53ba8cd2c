"""Notices: a wording, once put, stands as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from consent.database import Database
from consent.documents import DocumentError
from consent.notices import Notice, NoticeConflict, NoticeStore, UnknownNotice
from tests.rig import registry

SIGNUP = Notice(id="signup-3.1", text="Yes, send me offers.\nI can withdraw at any time.", language="en", recorded=5)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with registry.sqlite(tmp_path) as made:
        yield made


@pytest.fixture
def store(database: Database) -> NoticeStore:
    return NoticeStore(database)


def test_a_notice_is_kept_as_it_was_shown(store: NoticeStore) -> None:
    assert store.put("acme", SIGNUP)
    assert store.get("acme", "signup-3.1") == SIGNUP
    assert store.all("acme") == (SIGNUP,)
    assert SIGNUP.sha256 == "451bedd2bb3ca5a3dcdb6254e5c890c331821229536c3d538dcd10dd7f168ebb"


def test_the_same_again_is_known_and_keeps_its_time(store: NoticeStore) -> None:
    store.put("acme", SIGNUP)
    assert not store.put("acme", replace(SIGNUP, recorded=9))
    assert store.get("acme", "signup-3.1").recorded == 5


@pytest.mark.parametrize(
    "changes", [{"text": "Yes."}, {"default_checked": True}, {"language": "fr"}, {"url": "https://a.example/"}]
)
def test_nothing_about_a_notice_can_be_changed(store: NoticeStore, changes: dict[str, Any]) -> None:
    store.put("acme", SIGNUP)
    with pytest.raises(NoticeConflict, match="put the new wording under a new id"):
        store.put("acme", replace(SIGNUP, **changes))
    assert store.get("acme", "signup-3.1") == SIGNUP


def test_each_customer_has_its_own(store: NoticeStore) -> None:
    store.put("acme", SIGNUP)
    with pytest.raises(UnknownNotice, match=r"customer 'brand' has no notice 'signup-3\.1' on file"):
        store.get("brand", "signup-3.1")
    assert store.put("brand", replace(SIGNUP, text="Something else."))
    assert store.all("brand")[0].text == "Something else."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ""}, "id must be letters"),
        ({"id": "a b"}, "id must be letters"),
        ({"id": "x" * 65}, "id must be letters"),
        ({"text": " \n"}, "notice 'signup-3.1': text is required"),
        ({"text": "x" * 100_001}, "text is longer than 100000"),
        ({"text": "nul\x00"}, "text must be printable"),
        ({"url": "ftp://a.example"}, "url must be a web address"),
        ({"html_sha256": "ABC"}, "html_sha256 must be 64 hexadecimal digits"),
    ],
)
def test_a_notice_cannot_be_made_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        replace(SIGNUP, **changes)
