"""Rules about who may write as whom; most of their cases are text, in tests/cases/identity.txt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rig.cases import Case

DOMAINS = st.sampled_from(
    ["acme.example", "news.acme.example", "evil.example", "acme.example.evil.example", "xacme.example"]
)


@given(st.lists(DOMAINS, min_size=1, max_size=4))
def test_from_passes_only_when_every_mailbox_is_the_customers(domains: list[str]) -> None:
    mailboxes = ", ".join(f"Someone <x{n}@{domain}>" for n, domain in enumerate(domains))
    verdict = Case("", "", message=f"From: {mailboxes}\r\n\r\n".encode()).verdict()
    foreign = any(domain not in ("acme.example", "news.acme.example") for domain in domains)
    assert ("ID-FROM" in [finding.code for finding in verdict.findings]) is foreign


def test_evidence_names_domains_and_never_a_local_part() -> None:
    message = b"From: eve.secret@evil.example\r\nSender: eve.secret@evil.example\r\n\r\n"
    verdict = Case("", "", mail_from="eve.secret@evil.example", message=message).verdict()
    assert [finding.code for finding in verdict.findings] == ["ID-REVERSE-PATH", "ID-FROM", "ID-SENDER"]
    assert not any("secret" in finding.evidence for finding in verdict.findings)
    fields = b"Resent-From: %s\r\nReturn-Path: %s\r\n" % ((b"eve.secret@evil.example",) * 2)
    report = fields + b"From: eve.secret@localhost\r\nAuto-Submitted: auto-replied\r\n\r\n"
    verdict = Case("", "", mail_from="<>", message=report).verdict()
    assert [finding.code for finding in verdict.findings] == ["ID-RESENT", "ID-RETURN-PATH", "ID-REPORT-HOST"]
    assert not any("secret" in finding.evidence for finding in verdict.findings)


@pytest.mark.parametrize("count", [2, 60])
def test_evidence_is_bounded(count: int) -> None:
    mailboxes = ", ".join(f"a@evil{n}.example" for n in range(count))
    verdict = Case("", "", message=f"From: {mailboxes}\r\n\r\n".encode()).verdict()
    assert len(verdict.findings[0].evidence) <= 320


MARKS = st.sampled_from(
    ["Content-Type: multipart/report", "Auto-Submitted: auto-replied", "Subject: failure notice", "X-Autoreply: yes"]
)


@given(MARKS, st.lists(DOMAINS, min_size=1, max_size=3))
def test_marks_of_a_report_earn_no_foreign_domain(mark: str, domains: list[str]) -> None:
    mailboxes = ", ".join(f"mailer-daemon@{domain}" for domain in domains)
    verdict = Case("", "", mail_from="<>", message=f"From: {mailboxes}\r\n{mark}\r\n\r\n".encode()).verdict()
    foreign = any(domain not in ("acme.example", "news.acme.example") for domain in domains)
    assert ("ID-FROM" in [finding.code for finding in verdict.findings]) is foreign
