"""Encoding: one line of ASCII JSON whatever a client wrote."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent.address import Address
from gateway.audit.encoding import encoded, sealed_members
from gateway.audit.record import stamp
from tests.rig.audit import NOON, Vault, act, decision


@given(st.text(), st.text())
@example("\ud800", "\u2028\x7f")
def test_any_text_comes_back_and_breaks_no_line(ehlo: str, evidence: str) -> None:
    record = decision(ehlo=ehlo, findings=({"code": "HDR-FROM", "evidence": evidence},), reverse_path=None)
    data = encoded(record, stamp(NOON), "main", sealed_members(record.addresses, Vault().seal))
    found = json.loads(b"{" + data)
    assert data.isascii()
    assert b"\n" not in data
    assert (found["ehlo"], found["findings"][0]["evidence"]) == (ehlo, evidence)


def test_a_group_is_sealed_in_one_call_and_each_address_once() -> None:
    vault, ann = Vault(), Address.parse("ann@other.example")
    assert list(sealed_members([ann, ann], vault.seal)) == [ann]
    assert vault.calls == 1


def test_a_group_without_addresses_is_not_sealed() -> None:
    vault = Vault()
    assert sealed_members([], vault.seal) == {}
    assert vault.calls == 0


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes"])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encoded(act(details={"odd": value}), stamp(NOON), "main", {})
