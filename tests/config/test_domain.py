"""Domain names have one form, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.domain import domain_name


@pytest.mark.parametrize(
    ("written", "meant"),
    [("bücher.example", "xn--bcher-kva.example"), ("A.Example.", "a.example"), ("STRAẞE.example", "xn--strae-oqa.example")],
)  # fmt: skip
def test_a_domain_has_one_form(written: str, meant: str) -> None:
    assert domain_name(written) == meant


@pytest.mark.parametrize(
    "written", ["localhost", "", ".", "*.acme.example", "192.0.2.1", "a..example", "-a.example", "a_b.example"]
)
def test_what_is_no_domain_is_refused_with_the_form(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a fully qualified domain name such as 'acme.example'"):
        domain_name(written)


@given(st.text(max_size=80))
def test_any_text_is_a_domain_in_its_one_form_or_refused(text: str) -> None:
    try:
        domain = domain_name(text)
    except ValueError:
        return
    assert domain == domain.lower()
    assert domain.isascii()
    assert "." in domain
    assert domain_name(domain) == domain
