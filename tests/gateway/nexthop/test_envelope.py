"""The envelope: given back while the client takes long, and said again when it is needed."""

from dataclasses import replace

import pytest

from tests.gateway.nexthop.conftest import Certificate, Kit, MakeHop
from tests.gateway.nexthop.test_transaction import NAMES, opened, send
from tests.rig.smtpd import CUT, STALL, Close, Smtpd


async def test_a_held_transaction_gives_its_session_back_and_is_replayed_at_send(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, hold=0.05)
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        slow = await opened(hop, NAMES)
        await server.until(lambda: "RSET" in server.commands)
        assert (await send(await opened(hop))).outcome == "accepted"
        assert (await send(slow)).outcome == "accepted"
        assert [message.recipients for message in server.messages] == [(NAMES[0],), tuple(NAMES)]
        assert len(server.sessions) == 1
        assert "MAIL RCPT RCPT" in server.sessions[0].groups


async def test_a_late_recipient_replays_it_too(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, hold=0.05)
    async with Smtpd() as server:
        hop = await make_hop(server)
        slow = await opened(hop)
        await server.until(lambda: "RSET" in server.commands)
        assert (await slow.rcpt(NAMES[1])).positive
        assert (await send(slow)).outcome == "accepted"
        assert server.messages[0].recipients == tuple(NAMES)


async def test_a_replay_that_is_answered_differently_sends_nothing(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, hold=0.05)
    async with Smtpd(script={"RCPT": [None, None, None, "550 5.1.1 Gone"]}) as server:
        hop = await make_hop(server)
        slow = await opened(hop, NAMES)
        await server.until(lambda: "RSET" in server.commands)
        delivery = await send(slow)
        assert (delivery.outcome, delivery.reply.code, delivery.dot_sent) == ("deferred", 451, False)
        assert delivery.answer == "550 5.1.1 Gone"
        assert "DATA" not in server.commands


async def test_a_replay_whose_mail_is_refused_sends_nothing(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, hold=0.05)
    async with Smtpd(script={"MAIL": [None, "550 5.7.1 No more"]}) as server:
        hop = await make_hop(server)
        slow = await opened(hop)
        await server.until(lambda: "RSET" in server.commands)
        delivery = await send(slow)
        assert (delivery.outcome, delivery.reply.code) == ("deferred", 451)
        assert not hop.healthy and "DATA" not in server.commands


@pytest.mark.parametrize("keywords", [("PIPELINING", "SIZE"), ("SIZE",), ("PIPELINING",)])
async def test_a_replay_says_the_same_again_with_and_without_pipelining(
    make_hop: MakeHop, kit: Kit, keywords: tuple[str, ...]
) -> None:
    kit.bounds = replace(kit.bounds, hold=0.05)
    async with Smtpd(keywords=keywords) as server:
        hop = await make_hop(server)
        slow = await opened(hop, NAMES)
        await server.until(lambda: "RSET" in server.commands)
        assert (await send(slow)).outcome == "accepted"
        reset = server.commands.index("RSET")
        halves = (server.commands[:reset], server.commands[reset:])
        first, again = ([line for line in half if line[:4] in ("MAIL", "RCPT")] for half in halves)
        assert first == again and ("SIZE=60" in first[0]) == ("SIZE" in keywords)


async def test_a_lost_session_frees_its_customers_share_though_nobody_comes_back(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        forgotten = await opened(hop)
        await server.stop()
        await server.start()
        await server.until(lambda: hop.sessions == (0, 0, 0))
        assert (await send(await opened(hop))).outcome == "accepted"
        await forgotten.abandon()


async def test_421_without_pipelining_gives_the_next_hops_words(make_hop: MakeHop) -> None:
    async with Smtpd(script={"RCPT": Close("421 4.3.2 Going down")}, keywords=["SIZE"]) as server:
        hop = await make_hop(server)
        assert str(await hop.transaction("acme", "").rcpt(NAMES[0])) == "451 4.3.2 Going down"


async def test_a_next_hop_that_says_nothing_to_rset_is_dropped(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, reset=0.05)
    async with Smtpd(script={"RSET": STALL}) as server:
        hop = await make_hop(server)
        await (await opened(hop)).abandon()
        await server.until(lambda: hop.sessions == (0, 0, 0))
        assert (await send(await opened(hop))).outcome == "accepted"


async def test_a_session_lost_in_the_replay_is_replaced_once(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, hold=0.05)
    async with Smtpd(script={"MAIL": [None, CUT, None, None, CUT]}) as server:
        hop = await make_hop(server)
        outcomes = []
        for _ in range(2):
            slow = await opened(hop, NAMES)
            resets = server.commands.count("RSET")
            await server.until(lambda resets=resets: server.commands.count("RSET") > resets)  # type: ignore[misc]
            outcomes.append((await send(slow)).outcome)
        assert outcomes == ["accepted", "deferred"]
        assert [message.recipients for message in server.messages] == [tuple(NAMES)]


async def test_a_session_that_does_not_offer_requiretls_never_gets_a_message_that_asks_for_it(
    make_hop: MakeHop, kit: Kit, certificate: Certificate
) -> None:
    async with Smtpd(tls=certificate.context, keywords=["REQUIRETLS"]) as server:
        hop = await make_hop(server, tls="starttls", ca_file=certificate.path)
        assert "REQUIRETLS" in hop.offer.extensions
        transaction = hop.transaction("acme", "a@acme.example", ("REQUIRETLS",))
        assert (await transaction.rcpt("b@example.org")).code == 250
        await transaction.abandon()
        server.keywords = ("PIPELINING",)
        await server.stop()
        await server.start()
        transaction = hop.transaction("acme", "a@acme.example", ("REQUIRETLS",))
        assert str(await transaction.rcpt("b@example.org")).startswith("451 4.4.0 ")
        await transaction.abandon()
        assert server.sessions[-1].commands[-1].startswith("EHLO ")
        assert [name for name, _ in kit.alarms][-1] == "next_hop_requiretls"


async def test_requiretls_is_no_offer_without_a_verified_certificate(
    make_hop: MakeHop, certificate: Certificate
) -> None:
    async with Smtpd(tls=certificate.context, keywords=["REQUIRETLS", "DSN"]) as server:
        hop = await make_hop(server, tls="opportunistic")
        assert "DSN" in hop.offer.extensions and "REQUIRETLS" not in hop.offer.extensions


async def test_recipients_left_out_are_not_said_again(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        transaction = await opened(hop, [*NAMES, NAMES[0]])
        transaction.leave_out({0})
        assert transaction.accepted == [NAMES[1], NAMES[0]]
        assert (await send(transaction)).outcome == "accepted"
        assert server.messages[0].recipients == (NAMES[1], NAMES[0])
        assert server.commands.count("RSET") == 1
