"""Rules about who may write as whom; most of their cases are text, in tests/cases/identity.txt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.customers import Customer
from filters.identity import Reach, reach
from filters.model import Facts
from filters.reports import Author
from tests.rig.cases import NOW, Case

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


@pytest.mark.parametrize(
    ("local", "domain", "expected"),
    [
        ("ann", "acme.example", Reach.OWN),
        ("ann", "web1.hosting.example", Reach.DECLARED),
        ("ann", "hosting.example", Reach.FOREIGN),
        ("postmaster", "hosting.example", Reach.DECLARED),
        ("ann", "mx.provider.example", Reach.DECLARED),
        ("ann", "reports.example", Reach.DECLARED),
        ("ann", "xhosting.example", Reach.FOREIGN),
        ("ann", "brand.hosting.example", Reach.FOREIGN),
        ("ann", "mx.brand.hosting.example", Reach.FOREIGN),
        ("ann", "web1.acme.example", Reach.LOCAL),
        ("ann", "brand.acme.example", Reach.FOREIGN),
        ("ann", "", Reach.LOCAL),
        ("ann", "web1", Reach.LOCAL),
        ("ann", "example", Reach.LOCAL),
        ("ann", "exch01.corp.local", Reach.DECLARED),
        ("ann", "exch01.other.local", Reach.LOCAL),
        ("ann", "exch01.brand.local", Reach.FOREIGN),
    ],
)
def test_what_a_domain_is_to_the_author_of_a_report(local: str, domain: str, expected: Reach) -> None:
    customer = Customer.model_validate(
        {
            "id": "acme",
            "name": "Acme",
            "domains": ["acme.example"],
            "upstreams": ["hosting.example", "mx.provider.example"],
            "report_from": ["reports.example", "corp.local"],
            "credentials": [{"username": "app", "password_hash": "$argon2id$x"}],
        }
    )
    holders = {"acme.example": "acme", "brand.local": "brand"} | dict.fromkeys(
        ("brand.hosting.example", "brand.acme.example"), "brand"
    )
    facts = Facts(NOW, customer, customer.credentials[0], None, (), holders=holders)
    assert reach(Author(local, domain), facts) is expected


MARKS = st.sampled_from(
    ["Content-Type: multipart/report", "Auto-Submitted: auto-replied", "Subject: failure notice", "X-Autoreply: yes"]
)


@given(MARKS, st.lists(DOMAINS, min_size=1, max_size=3))
def test_marks_of_a_report_earn_no_foreign_domain(mark: str, domains: list[str]) -> None:
    mailboxes = ", ".join(f"mailer-daemon@{domain}" for domain in domains)
    verdict = Case("", "", mail_from="<>", message=f"From: {mailboxes}\r\n{mark}\r\n\r\n".encode()).verdict()
    foreign = any(domain not in ("acme.example", "news.acme.example") for domain in domains)
    assert ("ID-FROM" in [finding.code for finding in verdict.findings]) is foreign
