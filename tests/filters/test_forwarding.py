"""Forwarded mail; most cases are text, in tests/cases/forwarding.txt."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.model import Verified
from tests.rig.cases import Case

FORWARDED = Case(
    "",
    "",
    mail_from="<>",
    credential="forwarding = true",
    message=b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=YQ==; b=YQ==\r\n"
    b"From: ann.secret@example.org\r\n\r\nbody\r\n",
)
GOOD = Verified(1, "example.org", "pass", "", frozenset(["example.org"]), frozenset(["from"]))


def codes(case: Case) -> list[str]:
    return [finding.code for finding in case.verdict().findings]


@given(
    st.lists(
        st.builds(
            Verified,
            st.just(1),
            st.just("example.org"),
            st.sampled_from(["pass", "fail", "no key", "away", "unusable"]),
            st.just(""),
            st.sampled_from([frozenset(), frozenset(["example.org"])]),
            st.just(frozenset(["from"])),
            st.sampled_from([0, 0, 7]),
            st.sampled_from([None, None, 1]),
        ),
        max_size=4,
    )
)
def test_a_foreign_from_passes_only_with_an_aligned_signature_that_holds(found: list[Verified]) -> None:
    passes = any(each.result == "pass" and each.aligned and not each.unsigned and not each.expires for each in found)
    waits = any(each.result == "away" and each.aligned for each in found)
    got = [code for code in codes(replace(FORWARDED, signatures=tuple(found))) if code.startswith(("FWD", "ID"))]
    assert got == ([] if passes else ["FWD-KEY"] if waits else ["FWD-FROM"])


def test_without_forwarding_no_signature_helps() -> None:
    case = replace(FORWARDED, credential="", signatures=(GOOD,))
    assert codes(case) == ["FWD-PERMISSION", "ID-FROM", "ID-NULL-PATH"]


def test_the_reply_names_what_to_set_and_the_fix_more() -> None:
    decisive = replace(FORWARDED, signatures=(replace(GOOD, result="fail"),)).verdict().decisive
    assert decisive is not None
    assert str(decisive.reply).startswith("550 5.7.1 ")
    assert "dmarc_mitigate_action" in str(decisive.reply)
    assert "from_is_list" in decisive.fix
    path = replace(FORWARDED, mail_from="ann@example.org", signatures=(GOOD,)).verdict().decisive
    assert path is not None
    assert all(word in str(path.reply) for word in ("SRS", "postsrsd", "cPanel", "srs_encode"))
    permission = replace(FORWARDED, credential="").verdict().decisive
    assert permission is not None
    assert all(word in permission.fix for word in ("postsrsd", "dmarc_mitigate_action", "forwarding"))


def test_a_key_that_is_away_is_451_4_7_5() -> None:
    decisive = replace(FORWARDED, signatures=(replace(GOOD, result="away"),)).verdict().decisive
    assert decisive is not None
    assert str(decisive.reply).startswith("451 4.7.5 ")


def test_evidence_holds_no_local_part() -> None:
    for case in (
        FORWARDED,
        replace(FORWARDED, mail_from="ann.secret@example.org"),
        replace(FORWARDED, credential=""),
    ):
        assert case.verdict().findings
        assert not any("secret" in finding.evidence for finding in case.verdict().findings)


@pytest.mark.parametrize(
    ("path", "passes"),
    [
        ("SRS0=abcd=zz=example.org=ann@acme.example", True),
        ("srs0=abcd=zz=example.org=ann@sub.acme.example", True),
        ("SRS1+abcd=x.example==abcd=zz=example.org=ann@sub.acme.example", True),
        ("SRS0=ann@sub.acme.example", False),
        ("SRS0@sub.acme.example", False),
        ("xSRS0=abcd=zz=example.org=ann@sub.acme.example", False),
        ("SRS0=abcd=zz=acme.example=ann@example.org", False),
        ("SRS0=abcd=zz=example.org=ann@notacme.example", False),
    ],
)
def test_srs_form_below_the_customers_domains(path: str, passes: bool) -> None:
    case = replace(FORWARDED, mail_from=path, signatures=(GOOD,))
    assert codes(case) == ([] if passes else ["FWD-REVERSE-PATH"])


INVITATION = Case(
    "",
    "",
    customer="forwarded_calendars = true",
    message=b"From: Ann <ann@example.org>\r\nSender: bob@acme.example\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n",
)


@given(st.binary(max_size=300))
def test_searching_for_an_invitation_never_raises(rest: bytes) -> None:
    head = b"From: Ann <ann@example.org>\r\nSender: bob@acme.example\r\nContent-Type: text/calendar"
    for message in (head + b"; method=" + rest, head + b"\r\n\r\nMETHOD:" + rest, head + rest):
        case = replace(INVITATION, message=message)
        assert not any(finding.failed for finding in case.verdict().findings)


def test_an_invitation_far_down_is_not_searched_for() -> None:
    far = b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 70 + b"\r\n"
    head = b"From: a@example.org\r\nSender: b@acme.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    tail = b"--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n\r\n--b--\r\n"
    assert codes(replace(INVITATION, message=head + far + tail)) == ["FWD-CALENDAR"]
    assert codes(replace(INVITATION, message=head + far * 3000 + tail)) == ["ID-FROM"]
