"""Bug: a locked or suspended credential was refused at MAIL as fast as it asked, each time with a record in the audit."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from consent.credentials import Which
from gateway.app import Gateway
from gateway.logbook import MOST
from gateway.pacing import RATE
from tests.rig.gateway import decisions, running
from tests.rig.talk import Talk

AHEAD = 10
"""Refusals whose turn comes first."""
NO_DESK: dict[str, Any] = {"operator": {"domains": ["gw.example"]}}


async def lock(gateway: Gateway) -> None:
    gateway.stores.credentials.lock(Which("acme", "acme-app"), "stolen", gateway.clock())
    await gateway.changes.refresh()


async def refused(talk: Talk, user: str, at_rcpt: bool) -> str:
    """What a message of a customer is refused with."""
    reply = await talk.ask(f"MAIL FROM:<ann@{user.removesuffix('-app')}.example>")
    if at_rcpt:
        reply = await talk.ask("RCPT TO:<bob@recipient.example>")
        await talk.ask("RSET")
    return reply


@pytest.mark.parametrize(
    ("user", "settings", "at_rcpt", "words"),
    [
        ("acme-app", {}, False, "450 4.7.1 This credential is locked"),
        ("stopped-app", NO_DESK, False, "550 5.7.1 Sending is suspended"),
        ("stopped-app", {}, True, "550 5.7.1 Sending is suspended"),
    ],
)
async def test_refusals_by_locks_and_suspensions_are_paced_and_bounded_in_the_audit(
    tmp_path: Path, user: str, settings: dict[str, Any], at_rcpt: bool, words: str
) -> None:
    customer, loop = user.removesuffix("-app"), asyncio.get_running_loop()
    async with running(tmp_path, settings=settings) as (gateway, _, __):
        await lock(gateway)
        talk, pipeline = await Talk.to(gateway.smtp_addresses[0]), gateway.edge.pipeline
        await talk.login(user)
        assert (await refused(talk, user, at_rcpt)).startswith(words)
        assert len(decisions(gateway)) == 1

        for number in range(1, MOST):
            pipeline.logbook.open(customer, f"R{number}", gateway.clock())
        begun = loop.time()
        for _ in range(AHEAD):
            pipeline.pacing.wait(customer, begun)
        reply = await refused(talk, user, at_rcpt)
        assert reply.startswith(words) and reply.endswith(f"ref R{MOST - 1}")
        assert loop.time() - begun >= (AHEAD - 1) / RATE, "it waits for its turn"
        assert len(decisions(gateway)) == 1, "it is not recorded once more"
        talk.writer.close()
