"""Packing: entries come out as they went in, whomever they are about."""

import msgspec
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from consent.address import Address
from consent.import_packing import pack, unpack
from consent.imports.row import DomainName, Hashed, Subject
from consent.model import Kind, Related
from consent.records import Entry
from tests.rig.consents import ANN, given, withdrawn

SUBJECTS: list[Subject] = [
    ANN,
    Address.parse("jörg@bücher.example"),
    DomainName("acme.example"),
    Hashed("md5", "ab" * 16),
    Hashed("sha1", "ab" * 20),
    Hashed("sha256", "ab" * 32),
]


@examples(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.dictionaries(st.text(), st.text())), max_size=8))
def test_entries_come_out_as_they_went_in(told: list[tuple[Subject, dict[str, str]]]) -> None:
    related = Related(kind=Kind.PURCHASE, basis="2026-01-02", reference="x")
    events = [given(1), withdrawn(2), given(3, state="related", related=related)]
    entries = [Entry(subject, event, personal) for subject, personal in told for event in events]
    assert unpack(pack(entries)) == entries


def test_what_is_no_packed_entry_is_an_error() -> None:
    wrong = msgspec.msgpack.encode(
        [["phone", "1", "", {"state": "given", "party": "a", "list": "b", "at": 1, "recorded": 1}, {}]]
    )
    for octets in (b"", b"\x00", wrong):
        with pytest.raises(msgspec.DecodeError):
            unpack(octets)
