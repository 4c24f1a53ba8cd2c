"""Addresses: parsed once, matched by their canonical form, passed on as written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.address import Address, AddressError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a@b.example", "a@b.example"), ("Ann.Example+Tag@ACME.Example", "ann.example+tag@acme.example"),
        ("ü@bücher.example", "ü@xn--bcher-kva.example"), ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"), ('"a b"@c.example', '"a b"@c.example'), ("a@b.test", "a@b.test"),
        ("srs0=x=y=b.example=a@acme.example", "srs0=x=y=b.example=a@acme.example"),
    ],
)  # fmt: skip
def test_canonical_form(text: str, canonical: str) -> None:
    address = Address.parse(text)
    assert (address.text, address.canonical) == (text, canonical)
    assert address.domain == canonical.rpartition("@")[2]
    assert address.ascii_only == text.isascii()


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@", "@b.example", "a@b", "a@@b.example", "a b@c.example", "a@b..example", ".a@b.example", "a.@b.example",
     "a..b@c.example", "a@-b.example", "a@b-.example", "a@[127.0.0.1]", "a@b.example\r\n", "a\0@b.example", "a@b.123",
     "<a@b.example>", "x" * 250 + "@b.example", "a@b.example, c@d.example", "\udcff@b.example"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.parse(text)
    assert len(text) < 4 or text not in str(caught.value)


@given(st.text(max_size=60))
def test_anything_is_an_address_or_refused(text: str) -> None:
    try:
        address = Address.parse(text)
    except AddressError:
        return
    assert not set(address.text) & set("\r\n\0")
    assert address.domain == address.domain.lower()
    assert Address.parse(address.text) == address


@given(st.emails())
def test_case_never_tells_two_addresses_apart(text: str) -> None:
    try:
        address = Address.parse(text)
    except AddressError:
        return
    assert Address.parse(text.upper()).canonical == address.canonical
