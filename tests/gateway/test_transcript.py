"""What the record of a decision says that no whole transaction of the other tests shows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from config.policy import Action
from consent.address import Address
from filters.message import Message
from filters.model import Finding, Outcome, Reply, Verdict, Verified
from gateway.audience import Audience
from gateway.classing import Classing
from gateway.client import Client
from gateway.directory import Identity
from gateway.smtp.body import Budget
from gateway.transcript import Transcript
from gateway.transform import Change
from tests.rig.gateway import running

EMPTY = Message(b"")
BOB = Address.parse("bob@recipient.example")


def finding(code: str, clause: str, exemption: str = "") -> Finding:
    return Finding(code, clause, Action.OBSERVE, "2 From fields", Reply(554, "5.6.0", "x"), "mend it", False, exemption)


@pytest_asyncio.fixture
async def transcripts(tmp_path: Path) -> AsyncIterator[dict[str, Transcript]]:
    """By customer, of one that is enforced and one that is only watched."""
    async with running(tmp_path) as (gateway, _, _):
        pipeline = gateway.make_pipeline(gateway.settings, gateway.policy, gateway.hops, Budget(1 << 20, 1 << 20))
        client = Client("192.0.2.1", 2525, "127.0.0.1:25", "mail.acme.example", "TLSv1.3 X", "ESMTPSA")
        made = {}
        for customer in ("acme", "watched"):
            entry = gateway.directory.get(customer)
            assert entry is not None
            identity = Identity(entry, entry.customer.credentials[0], "password")
            audience = Audience(pipeline.registry, identity, None, pipeline.clock, pipeline.policy.mode)
            classing = Classing(pipeline)
            made[customer] = Transcript(
                pipeline, client, identity, None, "01KAGV0000AAAAAAAAAAAAAAA1", audience, classing
            )
        yield made


def test_findings_clauses_and_exemptions_stand_in_it(transcripts: dict[str, Transcript]) -> None:
    found = (finding("HDR-FROM", "MOD-2.5b"), finding("HDR-DATE", "MOD-2.5a", "7"), finding("HDR-ONCE", "MOD-2.5b"))
    verdict, reply = Verdict(Outcome.ACCEPT, found), Reply(550, "5.1.1", "No <eve@recipient.example> here")
    made = transcripts["acme"].decision("data", verdict, reply, [BOB], None, EMPTY, None, None)
    assert (made.reference, made.customer, made.credential) == ("01KAGV0000AAAAAAAAAAAAAAA1", "acme", "acme-app")
    assert (made.client, made.tls, made.reverse_path) == ({"address": "192.0.2.1", "port": 2525}, "TLSv1.3 X", None)
    assert [each.get("exemption") for each in made.findings] == [None, "7", None]
    assert made.findings[0] == {
        "code": "HDR-FROM", "clause": "MOD-2.5b", "action": "observe", "evidence": "2 From fields", "failed": False,
    }  # fmt: skip
    assert made.clauses == ("MOD-2.5a", "MOD-2.5b")
    assert made.reply == "550 5.1.1 No <***@recipient.example> here"


def test_what_is_not_there_yet_is_not_made_up(transcripts: dict[str, Transcript]) -> None:
    verdict = Verdict(Outcome.REJECT)
    made = transcripts["acme"].decision("rcpt", verdict, Reply(550, "5.7.1", "x"), [], None, EMPTY, None, None)
    assert (made.size, made.sha256, made.header_sha256, made.message_id) == (None, None, None, None)
    assert (made.header_from, made.recipients, made.modifications, made.signatures) == ((), (), (), None)


def test_signatures_and_changes_stand_in_it_and_whether_all_was_only_watched(
    transcripts: dict[str, Transcript],
) -> None:
    change = Change(b"", 0, ("added Message-ID",), "<1@gw.example>")
    verified = [Verified(1, "acme.example", "pass"), Verified(2, "example.org", "fail", "the body was changed")]
    modes = []
    for each in transcripts.values():
        accepted = Reply(250, "2.0.0", "Accepted")
        made = each.decision("data", Verdict(Outcome.ACCEPT), accepted, [BOB], None, EMPTY, change, verified)
        assert (made.modifications, made.message_id) == (("added Message-ID",), "<1@gw.example>")
        assert made.signatures == [
            {"number": 1, "domain": "acme.example", "result": "pass", "why": ""},
            {"number": 2, "domain": "example.org", "result": "fail", "why": "the body was changed"},
        ]
        modes.append((made.customer, made.mode))
    assert modes == [("acme", "enforce"), ("watched", "observe")]
