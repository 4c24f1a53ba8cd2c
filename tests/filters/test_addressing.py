"""Rules about deceptive addressing; most of their cases are text, in tests/cases/addressing.txt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import RULES
from filters.model import Action, Verdict
from tests.rig.cases import Case

CODES = [rule.code for rule in RULES if rule.code.startswith("ADDR-")]
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
PIECES = st.lists(
    st.sampled_from(
        ["ann@acme.example", "ceo@bank.example", " via ", "<", ">", '"', "(", ")", ",", ";", ":", "\\", " ", "=?utf-8?q?",
         "=?utf-8?b?", "?=", "=40", "=00", "\udcff", "\u202e", "\u200b", "а", "@", ".", "PayPal", "Jane Roe", "xn--", "。"]
    ),
    max_size=30,
).map("".join)  # fmt: skip
CUSTOMER = 'executives = [{name = "Jane Roe", addresses = ["jane@acme.example"]}]'


def verdict(**fields: bytes | str) -> Verdict:
    lines = (
        name.replace("_", "-").encode()
        + b": "
        + (text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        for name, text in fields.items()
    )
    case = Case("", "", customer=CUSTOMER, held=[("coco.example", "coco")], message=b"\r\n".join(lines) + b"\r\n\r\n")
    return case.verdict()


def codes(**fields: bytes | str) -> list[str]:
    return [finding.code for finding in verdict(**fields).findings if finding.code in CODES]


def test_what_honest_mail_has_as_well_is_observed() -> None:
    assert [rule.code for rule in RULES if rule.code in CODES and rule.default is Action.REJECT] == [
        "ADDR-IN-NAME", "ADDR-BRAND", "ADDR-EXECUTIVE", "ADDR-SCRIPT", "ADDR-HIDDEN", "ADDR-LOOKALIKE"
    ]  # fmt: skip


@given(st.fixed_dictionaries({"From": PIECES, "Sender": PIECES, "Reply_To": PIECES, "To": PIECES, "Cc": PIECES}))
def test_no_octets_make_a_rule_fail_and_no_evidence_is_long(fields: dict[str, str]) -> None:
    for finding in verdict(**fields).findings:
        assert not finding.failed
        if finding.code in CODES:
            assert len(finding.evidence) <= 400


@given(st.binary(max_size=300))
def test_no_header_block_makes_a_rule_fail(header: bytes) -> None:
    found = Case("", "", message=header.replace(b"\r\n\r\n", b"") + b"\r\n\r\n").verdict()
    assert not any(finding.failed for finding in found.findings)


@given(NAMES.filter(lambda name: "@" not in name and not {"＠", "﹫"} & set(name)))
def test_a_name_of_any_script_without_an_address_is_not_taken_for_one(name: str) -> None:
    assert "ADDR-IN-NAME" not in codes(From=f'"{name.replace(chr(92), "").replace(chr(34), "")}" <ann@acme.example>')


@pytest.mark.parametrize("field", ["From", "Sender", "Reply_To"])
@pytest.mark.parametrize(
    "text",
    [
        '"secret.person@bank.example" <secret.person@acme.example>',
        '"PayPal" <secret.person@evil.example>',
        "Jane Roe <secret.person@evil.example>",
        "secret.person@bаnk.example",
        "secret.person@сосо.example",
        '"\u202esecret.person" <secret.person@acme.example>',
        '"A\u200bnn" <secret.person@c0co.example>',
        "<secret.person@gmail.com secret.person>",
        "Jane Roe <secret.person>",
        "Jane Roe <secret.person@@evil.example>",
        '"Jane Roe" <secret.person@evil.example secret.person>',
        '"x@secret.person@bank.example" <ann@acme.example>',
        "secret.person@bаnk.example secret.person",
        "<secret.person bаnk.example>",
    ],
)
def test_evidence_holds_no_local_part(field: str, text: str) -> None:
    found = verdict(**({"From": "ann@acme.example"} | {field: text}), List_Unsubscribe="<https://acme.example>")
    assert not any("secret" in finding.evidence or "person" in finding.evidence for finding in found.findings)


def test_fields_that_readers_do_not_show_as_the_author_are_not_asked() -> None:
    assert codes(From="ann@acme.example", X_From='"ceo@bank.example" <ceo@bank.example>') == []


@pytest.mark.parametrize("own", ["acme.example", "news.acme.example", "web.acme.example"])
@pytest.mark.parametrize(
    "form", ['"x@{}" <ann@acme.example>', "ann@acme.example (x@{})", "=?utf-8?q?x=40{}?= <ann@acme.example>"]
)
def test_own_addresses_in_names_pass_in_every_form(own: str, form: str) -> None:
    assert codes(From=form.format(own)) == []
    assert codes(From=form.format("bank.example")) == ["ADDR-IN-NAME"]


@pytest.mark.parametrize(
    "piece",
    [b'"ceo@bank.example" <a@acme.example>, ', b"a@b.example,", b"@", b'"', b"=?utf-8?b?YUA=?= ", "\u202eа".encode(),
     "\u200b".encode(), b"(", b"a@b.c.d.e via ", b"<a@", "а".encode() + b"b ", b"x@" + b"a." * 50],
)  # fmt: skip
def test_time_is_linear_in_the_size_of_the_fields(piece: bytes) -> None:
    def took(size: int) -> float:
        value = piece * (size // len(piece))
        started = time.process_time()
        verdict(From="ann@acme.example", Reply_To=value, To=value, Cc=value)
        return time.process_time() - started

    took(1000)
    assert took(80_000) < 1.5


@pytest.mark.parametrize("count", [99, 100])
def test_recipients_are_counted_in_a_field_of_any_length(count: int) -> None:
    many = ",\r\n ".join(f'"Recipient, number {n}" <a{n}@other.example>' for n in range(count))
    assert codes(From="ann@acme.example", To=many) == (["ADDR-VISIBLE"] if count == 100 else [])
