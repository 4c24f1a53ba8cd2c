"""Names of brands and people, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.names import is_brand, is_person, names_brand


@pytest.mark.parametrize(
    ("name", "brand", "whole", "within"),
    [
        ("PayPal", "PayPal", True, True),
        ("paypal.com", "PayPal", True, True),
        ("Your PayPal Security Team", "PayPal", True, True),
        ("PayPalSupport", "PayPal", True, False),
        ("PayPalooza", "PayPal", False, False),
        ("Pay-Pal", "PayPal", True, False),
        ("P.a.y.P.a.l", "PayPal", True, False),
        ("PAYPAL", "PayPal", True, True),
        ("NETFLIX", "Netflix", True, True),
        ("Netfl1x", "Netflix", True, True),
        ("РауРаl Kundenservice", "PayPal", True, True),
        ("Omicron", "Ornicron", True, True),
        ("PayPal for Ann", "PayPal", False, True),
        ("Ann", "PayPal", False, False),
        ("Support Team", "PayPal", False, False),
        ("", "PayPal", False, False),
        ("Wells Fargo", "Wells Fargo", True, True),
        ("Fargo Wells", "Wells Fargo", False, False),
        ("Security Service", "Security Service", True, True),
        ("Die Post", "Post", False, True),
    ],
)
def test_a_brand_alone_and_among_words(name: str, brand: str, whole: bool, within: bool) -> None:
    assert (is_brand(name, brand), names_brand(name, brand)) == (whole, within)


@pytest.mark.parametrize(
    ("name", "person", "expected"),
    [
        ("Jane Roe", "Jane Roe", True),
        ("ROE, Jane", "Jane Roe", True),
        ("Dr. Jane Roe, CEO", "Jane Roe", True),
        ("Jane Q. Roe", "Jane Roe", True),
        ("Jané Róe", "Jane Roe", True),
        ("Jane", "Jane Roe", False),
        ("Jane Roe Smith", "Jane Roe", False),
        ("Jane Roe from Acme", "Jane Roe", False),
        ("John Roe", "Jane Roe", False),
        ("CEO", "CEO", False),
        ("", "Jane Roe", False),
        ("山田太郎", "山田太郎", True),
    ],
)
def test_a_person(name: str, person: str, expected: bool) -> None:
    assert is_person(name, person) is expected


@given(st.text(max_size=400), st.text(max_size=50))
def test_any_text_is_compared(name: str, other: str) -> None:
    assert names_brand(name, other) in (True, False)
    assert is_brand(name, other) in (True, False)
    assert is_person(name, name) in (True, False)
