"""Transactions over real sockets: in step, replayed before the dot and never after it."""

import asyncio
import hashlib
from dataclasses import replace

import pytest

from filters.model import Reply
from gateway.nexthop import Delivery, NextHop, Transaction
from tests.gateway.nexthop.conftest import Kit, MakeHop
from tests.rig.smtpd import CUT, STALL, Close, Later, Raw, Smtpd

HEAD = b"Received: from a by b\r\n"
BODY = [b"Subject: x\r\n\r\n", b"Hello\r\n..dot\r\n"]
CONTENT = b"Received: from a by b\r\nSubject: x\r\n\r\nHello\r\n.dot\r\n"
NAMES = ["b@example.org", "c@example.org"]


async def opened(hop: NextHop, names: list[str] | None = None) -> Transaction:
    """A transaction with all recipients accepted."""
    transaction = hop.transaction("acme", "a@acme.example", ("SIZE=60",))
    for name in names or NAMES[:1]:
        reply = await transaction.rcpt(name)
        assert reply.code == 250, reply
    return transaction


async def send(transaction: Transaction, dot_timeout: float = 20) -> Delivery:
    return await transaction.send(HEAD, BODY, dot_timeout=dot_timeout)


async def test_a_message_goes_through_and_its_answer_comes_back(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        transaction = await opened(hop, NAMES)
        delivery = await send(transaction)
        assert delivery == Delivery(
            "accepted", Reply(250, "2.0.0", "Ok: queued as Q1"), "250 2.0.0 Ok: queued as Q1", server.address, True
        )
        (message,) = server.messages
        assert message.reverse_path == "<a@acme.example> SIZE=60"
        assert message.recipients == tuple(NAMES) == tuple(transaction.accepted)
        assert message.content == CONTENT and message.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert server.sessions[0].groups[1:] == ["MAIL RCPT", "RCPT", "DATA", "Received: Subject: Hello ..dot ."]


async def test_the_session_is_used_again(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        for _ in range(3):
            assert (await send(await opened(hop))).outcome == "accepted"
        assert len(server.sessions) == 1
        assert "RSET" not in server.commands


async def test_without_pipelining_each_command_waits_for_the_answer_to_the_last(make_hop: MakeHop) -> None:
    async with Smtpd(keywords=["8BITMIME"]) as server:
        hop = await make_hop(server)
        assert (await send(await opened(hop, NAMES))).outcome == "accepted"
        assert server.sessions[0].groups[1:5] == ["MAIL", "RCPT", "RCPT", "DATA"]
        assert server.messages[0].reverse_path == "<a@acme.example>"  # and no SIZE, which was not offered


async def test_each_recipient_gets_its_own_answer(make_hop: MakeHop) -> None:
    script = {"RCPT": ["250 2.1.5 Ok", "550 5.1.1 No such user", "452 4.5.3 Too many", "550 No such user", None]}
    async with Smtpd(script=script) as server:
        hop = await make_hop(server)
        transaction = hop.transaction("acme", "")
        replies = [str(await transaction.rcpt(f"{name}@example.org")) for name in "abcde"]
        assert [reply[:9] for reply in replies] == ["250 2.1.5", "550 5.1.1", "452 4.5.3", "451 4.4.0", "250 2.1.5"]
        assert transaction.accepted == ["a@example.org", "e@example.org"]
        assert (await send(transaction)).outcome == "accepted"
        assert server.messages[0].recipients == ("a@example.org", "e@example.org")
        assert server.messages[0].reverse_path == "<>"


async def test_relay_access_denied_is_our_fault_until_a_recipient_is_accepted(make_hop: MakeHop, kit: Kit) -> None:
    async with Smtpd(script={"RCPT": ["554 5.7.1 Relay access denied", None]}) as server:
        hop = await make_hop(server)
        first = hop.transaction("acme", "a@acme.example")
        assert str(await first.rcpt(NAMES[0])).startswith("451 4.4.0")
        seen = [(hop.healthy, hop.trouble)]
        await first.abandon()
        await (await opened(hop)).abandon()
        seen.append((hop.healthy, hop.trouble))
        assert seen == [(False, "next hop test, rcpt: 554 5.7.1 Relay access denied"), (True, "")]
        assert kit.alarms == [("next_hop_rcpt", "next hop test: 554 5.7.1 Relay access denied")]


@pytest.mark.parametrize(
    ("answer", "told"),
    [("550 5.7.1 Sender refused", "451 4.4.0"), ("452 4.3.1 Full", "452 4.3.1"), ("530 5.7.0 Log in", "451 4.4.0")],
)
@pytest.mark.parametrize("keywords", [("PIPELINING",), ()])
async def test_a_refused_mail_is_the_answer_to_rcpt(
    make_hop: MakeHop, answer: str, told: str, keywords: tuple[str, ...]
) -> None:
    async with Smtpd(script={"MAIL": [answer, None]}, keywords=keywords) as server:
        hop = await make_hop(server)
        transaction = hop.transaction("acme", "a@acme.example")
        assert str(await transaction.rcpt(NAMES[0])).startswith(told)
        assert transaction.accepted == []
        assert hop.healthy == (not told.startswith("451"))
        assert (await transaction.rcpt(NAMES[0])).positive
        assert (await send(transaction)).outcome == "accepted"
        assert hop.healthy


async def test_an_abandoned_transaction_is_reset_and_its_session_used_again(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        transaction = await opened(hop)
        await transaction.abandon()
        await transaction.abandon()
        await server.until(lambda: hop.sessions == (1, 1, 0))
        assert (await send(await opened(hop))).outcome == "accepted"
        assert len(server.sessions) == 1
        with pytest.raises(RuntimeError):
            await transaction.rcpt(NAMES[0])
        with pytest.raises(RuntimeError):
            await send(transaction)


async def test_a_session_is_closed_after_five_resets_without_a_message(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        for turn in range(9):
            transaction = await opened(hop)
            if turn == 3:  # begins the count anew
                await send(transaction)
            else:
                await transaction.abandon()
            await server.until(lambda: hop.sessions[0] == hop.sessions[1])
        assert [session.commands.count("RSET") for session in server.sessions] == [8]
        await server.until(lambda: not server.sessions[0].open)
        assert server.sessions[0].quit


async def test_a_session_is_closed_after_so_many_messages(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, messages=2)
    async with Smtpd() as server:
        hop = await make_hop(server)
        for _ in range(4):
            assert (await send(await opened(hop))).outcome == "accepted"
        assert [message.session for message in server.messages] == [0, 0, 1, 1]
        await server.until(lambda: all(session.quit for session in server.sessions))


async def test_nothing_is_sent_without_an_accepted_recipient(make_hop: MakeHop) -> None:
    async with Smtpd(script={"RCPT": "550 5.1.1 No"}) as server:
        hop = await make_hop(server)
        transaction = hop.transaction("acme", "")
        await transaction.rcpt(NAMES[0])
        with pytest.raises(RuntimeError):
            await send(transaction)
        await transaction.abandon()


async def test_a_hidden_command_is_refused_before_anything_is_sent(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        with pytest.raises(ValueError):
            hop.transaction("acme", "a@b.example>\r\nDATA")
        with pytest.raises(ValueError):
            await hop.transaction("acme", "").rcpt("a@b.example>\r\nDATA")
        assert server.commands == ["EHLO gw.example"]


class TestLostBeforeTheDot:
    """Nothing is at stake: once, a fresh session takes over."""

    @pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", "BODY"])
    @pytest.mark.parametrize("how", [CUT, Close(reset=True), Close("421 4.3.2 Closing")])
    async def test_it_is_replayed_once_on_a_fresh_session(self, make_hop: MakeHop, moment: str, how: Close) -> None:
        async with Smtpd() as server:
            hop = await make_hop(server)
            assert (await send(await opened(hop))).outcome == "accepted"
            server.on(moment, how, None)
            large = moment == "BODY"
            transaction = await opened(hop)
            body = [b"x" * 70 + b"\r\n"] * 20_000 if large else BODY
            if large and how.reply:
                delivery = await transaction.send(HEAD, body, dot_timeout=20)
                assert (delivery.outcome, delivery.reply.code) == ("deferred", 451)  # it was answered, not lost
                return
            if large:
                # Held back, so that the connection is cut with most of the body still to be written.
                body = [b"x" * 70 + b"\r\n"] * 200_000
            delivery = await transaction.send(HEAD, body, dot_timeout=20)
            assert delivery.outcome == "accepted", delivery
            assert [message.session for message in server.messages] == [0, 1]
            assert server.messages[1].content == HEAD + b"".join(body).replace(b"\r\n..", b"\r\n.")

    async def test_it_is_not_replayed_twice(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"DATA": CUT}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop))
            assert (delivery.outcome, str(delivery.reply)[:9], delivery.dot_sent) == ("deferred", "451 4.4.2", False)
            assert len(server.sessions) == 2 and not hop.healthy

    async def test_two_losses_at_mail_are_451(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"MAIL": CUT}) as server:
            hop = await make_hop(server)
            reply = await hop.transaction("acme", "").rcpt(NAMES[0])
            assert str(reply).startswith("451 4.4.2")
            assert len(server.sessions) == 2

    async def test_two_421_are_451_with_the_next_hops_words(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"RCPT": Close("421 4.3.2 Going down")}) as server:
            hop = await make_hop(server)
            reply = await hop.transaction("acme", "").rcpt(NAMES[0])
            assert str(reply) == "451 4.3.2 Going down"
            assert len(server.sessions) == 2 and hop.healthy

    async def test_it_fails_over_to_another_address(self, make_hop: MakeHop, kit: Kit) -> None:
        async with Smtpd() as first, Smtpd() as second:
            hop = await make_hop(first, second)
            transaction = await opened(hop, NAMES)
            await first.stop()
            delivery = await send(transaction)
            assert (delivery.outcome, delivery.address) == ("accepted", second.address)
            assert second.messages[0].recipients == tuple(NAMES)
            assert hop.healthy
            assert [name for name, _ in kit.alarms] == ["next_hop_address"]

    async def test_a_session_that_went_stale_while_idle_is_not_used(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"IDLE": [Close("421 4.4.2 Idle too long"), None]}) as server:
            hop = await make_hop(server)
            assert (await send(await opened(hop))).outcome == "accepted"
            await server.until(lambda: hop.sessions[0] == 0)
            assert (await send(await opened(hop))).outcome == "accepted"
            assert len(server.sessions) == 2 and hop.healthy

    async def test_a_session_lost_while_held_is_replaced(self, make_hop: MakeHop) -> None:
        async with Smtpd() as server:
            hop = await make_hop(server)
            transaction = await opened(hop)
            await server.stop()
            await server.start()
            assert (await send(transaction)).outcome == "accepted"

    async def test_a_next_hop_that_is_down_is_451(self, make_hop: MakeHop) -> None:
        async with Smtpd() as server:
            hop = await make_hop(server)
            transaction = await opened(hop)
            await server.stop()
            delivery = await send(transaction)
            assert (delivery.outcome, str(delivery.reply)[:9]) == ("deferred", "451 4.4.1")
            assert "connect" in hop.trouble
            assert str(await hop.transaction("acme", "").rcpt(NAMES[0])).startswith("451 4.4.1")

    async def test_a_silent_next_hop_is_not_waited_for_without_end(self, make_hop: MakeHop, kit: Kit) -> None:
        kit.bounds = replace(kit.bounds, envelope=0.05)
        async with Smtpd(script={"MAIL": STALL}) as server:
            hop = await make_hop(server)
            assert str(await hop.transaction("acme", "").rcpt(NAMES[0])).startswith("451 4.4.2")
            assert hop.sessions[0] == 0

    @pytest.mark.parametrize("octets", [b"Hello there\r\n", b"250-a\r\n251 b\r\n", b"250 Ok\r\n" * 5, b"2" * 5000])
    async def test_what_is_no_smtp_is_our_fault_and_closes_the_session(
        self, make_hop: MakeHop, kit: Kit, octets: bytes
    ) -> None:
        async with Smtpd(script={"MAIL": Raw(octets)}) as server:
            hop = await make_hop(server)
            transaction = hop.transaction("acme", "")
            first = await transaction.rcpt(NAMES[0])
            if octets.startswith(b"250 Ok"):  # more answers than commands: seen when they come
                first = await transaction.rcpt(NAMES[0])
            assert str(first).startswith("451 4.4.0")
            assert not hop.healthy and kit.alarms
            assert hop.sessions[0] == 0
            await transaction.abandon()


class TestData:
    """The answer to DATA, and answers that come too early."""

    @pytest.mark.parametrize(
        ("answer", "told", "healthy"),
        [
            ("554 5.5.1 No valid recipients", "451 4.4.0", False),
            ("550 5.1.1 Late", "451 4.4.0", False),
            ("250 2.0.0 What", "451 4.4.0", False),
            ("452 4.3.1 Full", "452 4.3.1", True),
        ],
    )
    async def test_anything_but_354_defers(self, make_hop: MakeHop, answer: str, told: str, healthy: bool) -> None:
        async with Smtpd(script={"DATA": [answer, None]}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop))
            assert (delivery.outcome, str(delivery.reply)[:9], delivery.answer) == ("deferred", told, answer)
            assert not delivery.dot_sent and server.messages == [] and hop.healthy == healthy
            assert (await send(await opened(hop))).outcome == "accepted"
            assert hop.healthy

    @pytest.mark.parametrize(
        ("answer", "outcome", "told"),
        [
            ("552 5.2.3 Too big", "refused", "552 5.2.3"),
            ("552 5.3.4 Too big", "deferred", "451 4.4.0"),
            ("451 4.3.0 Later", "deferred", "451 4.3.0"),
            ("421 4.3.2 Going down", "deferred", "451 4.3.2"),
            ("250 2.0.0 Already", "deferred", "451 4.4.0"),
        ],
    )
    async def test_an_answer_before_the_dot_ends_it(
        self, make_hop: MakeHop, answer: str, outcome: str, told: str
    ) -> None:
        body = [b"x" * 998 + b"\r\n"] * 20_000
        async with Smtpd(script={"BODY": [answer, None]}) as server:
            hop = await make_hop(server)
            delivery = await (await opened(hop)).send(HEAD, body, dot_timeout=20)
            assert (delivery.outcome, str(delivery.reply)[:9]) == (outcome, told)
            assert not delivery.dot_sent and server.messages == []
            assert hop.sessions[0] == 0
            assert (await send(await opened(hop))).outcome == "accepted"

    async def test_a_large_message_arrives_whole_and_waits_for_a_slow_next_hop(self, make_hop: MakeHop) -> None:
        body = [b"%08d" % number * 124 + b"\r\n" for number in range(8_000)]
        async with Smtpd(script={"BODY": Later(0.1, "")}) as server:
            hop = await make_hop(server)
            delivery = await (await opened(hop)).send(HEAD, body, dot_timeout=20)
            assert delivery.outcome == "accepted"
            assert server.messages[0].sha256 == hashlib.sha256(HEAD + b"".join(body)).hexdigest()

    async def test_a_next_hop_that_takes_nothing_in_is_given_up(self, make_hop: MakeHop, kit: Kit) -> None:
        kit.bounds = replace(kit.bounds, progress=0.2)
        async with Smtpd(script={"BODY": STALL}) as server:
            hop = await make_hop(server)
            delivery = await (await opened(hop)).send(HEAD, [b"x" * 998 + b"\r\n"] * 30_000, dot_timeout=20)
            assert (delivery.outcome, delivery.dot_sent) == ("deferred", False)
            assert len(server.sessions) == 2

    async def test_content_without_its_line_end_is_not_sent(self, make_hop: MakeHop) -> None:
        async with Smtpd() as server:
            hop = await make_hop(server)
            transaction = await opened(hop)
            with pytest.raises(ValueError):
                await transaction.send(HEAD, [b"no line end"], dot_timeout=20)
            await server.until(lambda: not server.sessions[0].open)
            assert server.messages == [] and hop.sessions[0] == 0 and not transaction.dot_sent

    async def test_a_body_that_cannot_be_read_closes_the_session_before_the_dot(self, make_hop: MakeHop) -> None:
        class Broken:
            def __iter__(self) -> "Broken":
                return self

            def __next__(self) -> bytes:
                raise OSError("disk")

        async with Smtpd() as server:
            hop = await make_hop(server)
            with pytest.raises(OSError, match="disk"):
                await (await opened(hop)).send(HEAD, Broken(), dot_timeout=20)
            await server.until(lambda: not server.sessions[0].open)
            assert server.messages == [] and hop.sessions[0] == 0


class TestAfterTheDot:
    """The message may be accepted: nothing is repeated."""

    @pytest.mark.parametrize("how", [CUT, Close(reset=True), STALL, Raw(b"rubbish\r\n"), "220 Hello", "354 Go on"])
    async def test_no_answer_is_unknown_and_nothing_is_repeated(self, make_hop: MakeHop, how: Close | Raw) -> None:
        async with Smtpd(script={"DOT": how}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop), dot_timeout=0.2)
            assert (delivery.outcome, delivery.reply.code, delivery.dot_sent) == ("unknown", 451, True)
            assert delivery.reply.enhanced == "4.4.2"
            assert delivery.address == server.address and delivery.answer
            assert [session.commands.count("DATA") for session in server.sessions] == [1]
            assert hop.sessions[0] == 0

    @pytest.mark.parametrize(
        ("answer", "outcome", "told", "healthy"),
        [
            ("554 5.7.1 Spam", "refused", "554 5.7.1 Spam", True),
            ("550-5.6.0 Bad\r\n550 5.6.0 content", "refused", "550 5.6.0 Bad content", True),
            ("552 Too big", "refused", "552 5.0.0 Too big", True),
            ("451 4.7.1 Later", "deferred", "451 4.7.1 Later", True),
            ("554 5.3.0 Broken", "deferred", "451 4.4.0 Temporary", False),
            ("503 5.5.1 Sequence", "deferred", "451 4.4.0 Temporary", False),
        ],
    )
    async def test_a_refusal_is_read(
        self, make_hop: MakeHop, answer: str, outcome: str, told: str, healthy: bool
    ) -> None:
        async with Smtpd(script={"DOT": [answer, None]}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop))
            assert (delivery.outcome, delivery.dot_sent, hop.healthy) == (outcome, True, healthy)
            assert str(delivery.reply).startswith(told)
            assert (await send(await opened(hop))).outcome == "accepted"
            assert hop.healthy and len(server.sessions) == 1

    async def test_421_after_the_dot_defers_and_closes(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"DOT": [Close("421 4.3.2 Down"), None]}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop))
            assert (delivery.outcome, str(delivery.reply)) == ("deferred", "451 4.3.2 Down")
            assert len(server.sessions) == 1 and hop.sessions[0] == 0

    async def test_an_acceptance_that_is_followed_by_the_end_is_one(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"DOT": Close("250 2.6.0 Queued as 7")}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop))
            assert (delivery.outcome, str(delivery.reply)) == ("accepted", "250 2.6.0 Queued as 7")

    async def test_the_text_for_the_client_is_clean_and_bounded(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"DOT": Raw(b"250 2.0.0 Ok\x1b\xc3\xa9" + b"a" * 2000 + b"\r\n")}) as server:
            hop = await make_hop(server)
            delivery = await send(await opened(hop))
            assert delivery.reply.text == "Ok??" + "a" * 296
            assert len(delivery.answer) > 2000


class TestCancelled:
    """A task that is cancelled leaves no session in an unknown state."""

    @pytest.mark.parametrize("moment", ["MAIL", "RCPT"])
    async def test_in_rcpt(self, make_hop: MakeHop, moment: str) -> None:
        async with Smtpd(script={moment: STALL}) as server:
            hop = await make_hop(server)
            transaction = hop.transaction("acme", "")
            task = asyncio.create_task(transaction.rcpt(NAMES[0]))
            await server.until(lambda: len(server.commands) > 1)
            await cancel(task)
            assert hop.sessions == (0, 0, 0)
            with pytest.raises(RuntimeError):
                await transaction.rcpt(NAMES[0])
            await transaction.abandon()

    @pytest.mark.parametrize(("moment", "dot_sent"), [("DATA", False), ("DOT", True)])
    async def test_in_send(self, make_hop: MakeHop, moment: str, dot_sent: bool) -> None:
        async with Smtpd(script={moment: STALL}) as server:
            hop = await make_hop(server)
            transaction = await opened(hop)
            task = asyncio.create_task(send(transaction))
            await server.until(lambda: "DATA" in server.commands)
            if dot_sent:
                await server.until(lambda: transaction.dot_sent)
            await cancel(task)
            assert hop.sessions == (0, 0, 0)
            assert transaction.dot_sent == dot_sent
            await transaction.abandon()

    async def test_while_the_body_is_written(self, make_hop: MakeHop) -> None:
        async with Smtpd(script={"BODY": STALL}) as server:
            hop = await make_hop(server)
            transaction = await opened(hop)
            task = asyncio.create_task(transaction.send(HEAD, [b"x" * 998 + b"\r\n"] * 30_000, dot_timeout=20))
            await server.until(lambda: len(server.sessions[0].groups) > 3)
            await cancel(task)
            assert hop.sessions == (0, 0, 0) and not transaction.dot_sent
            server.on("BODY", None)
            assert (await send(await opened(hop))).outcome == "accepted"


async def cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
