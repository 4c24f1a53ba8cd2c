"""Honest mail that a hostile reading of the rules found refused.

A quoted name with parentheses before a host without a public name, as cronie writes it in its reports; and forwarded
mail whose author, vouched for by its signature, has an address in its display name.
"""

from filters.model import Outcome
from tests.rig.cases import Case, verified_as


def test_a_report_by_a_quoted_name_with_parentheses() -> None:
    case = Case("cronie", "", mail_from="<>")
    case.message = b'From: "(Cron Daemon)" <root@web1>\r\nAuto-Submitted: auto-generated\r\n\r\nbody\r\n'
    assert case.verdict().outcome is Outcome.ACCEPT


def test_an_address_in_the_name_of_an_author_whose_mail_is_forwarded() -> None:
    case = Case("forwarded", "", credential="forwarding = true\n")
    case.signatures = (verified_as("1 pass example.org; of example.org"),)
    case.message = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from:subject; bh=YQ==; b=YQ==\r\n"
        b'From: "bob@recipient.example" <notices@example.org>\r\nSubject: shared\r\n\r\nbody\r\n'
    )
    assert case.verdict().outcome is Outcome.ACCEPT
