"""One connection: it never raises, and always says why it is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.nexthop.bounds import Bounds
from gateway.nexthop.link import Link
from tests.rig.smtpd import CUT, STALL, Close, Later, Raw, Smtpd


class Recorder:
    """A keeper that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def gone(self, link: Link) -> None:
        self.told.append("gone")

    def closed(self, link: Link) -> None:
        self.told.append("closed")


@asynccontextmanager
async def linked(server: Smtpd, bounds: Bounds | None = None) -> AsyncIterator[tuple[Link, Recorder]]:
    """A link behind its greeting."""
    loop, keeper = asyncio.get_running_loop(), Recorder()
    link = Link(loop, server.address, keeper, bounds or Bounds())
    await loop.create_connection(lambda: link, server.host, server.port)
    assert [answer.code for answer in await link.greeting] == [220]
    try:
        yield link, keeper
    finally:
        link.drop("the test ended")
        await server.until(lambda: keeper.told == ["gone", "closed"])


async def test_a_group_of_commands_is_answered_together() -> None:
    async with Smtpd() as server, linked(server) as (link, _):
        answers = await link.ask(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nNOOP\r\n", 4, 2)
        assert [answer.code for answer in answers] == [250] * 4
        assert answers[0].text[1] == "PIPELINING"


async def test_what_is_lost_answers_with_what_there_was_and_says_why() -> None:
    async with Smtpd(script={"RCPT": CUT}) as server, linked(server) as (link, keeper):
        answers = await link.ask(b"MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\n", 2, 2)
        assert [answer.code for answer in answers] == [250]
        assert link.gone == "the next hop closed the connection" and not link.garbled
        assert await link.ask(b"NOOP\r\n", 1, 20) == []
        assert await link.expect() == []
        assert not link.write(b"x")
        await link.drain()
        await server.until(lambda: keeper.told == ["gone", "closed"])


async def test_no_answer_in_time_ends_it() -> None:
    async with Smtpd(script={"MAIL": STALL}) as server, linked(server) as (link, _):
        assert await link.ask(b"MAIL FROM:<>\r\n", 1, 0.05) == []
        assert link.gone == "the next hop did not answer in time"


async def test_a_later_deadline_replaces_an_earlier_one() -> None:
    async with Smtpd(script={"NOOP": None, "MAIL": Later(0.15)}) as server, linked(server) as (link, _):
        await link.ask(b"NOOP\r\n", 1, 0.05)
        assert len(await link.ask(b"MAIL FROM:<>\r\n", 1, 20)) == 1


async def test_an_idle_link_outlives_the_deadlines_of_what_was_asked() -> None:
    async with Smtpd() as server, linked(server) as (link, _):
        await link.ask(b"NOOP\r\n", 1, 0.02)
        await asyncio.sleep(0.06)
        assert len(await link.ask(b"NOOP\r\n", 1, 20)) == 1


async def test_within_calls_back_unless_something_else_is_asked() -> None:
    calls: list[str] = []
    async with Smtpd() as server, linked(server) as (link, _):
        link.within(0.03, lambda: calls.append("not this one"))
        await link.ask(b"NOOP\r\n", 1, 20)
        link.within(0.03, lambda: calls.append("late"))
        await server.until(lambda: bool(calls))
        assert calls == ["late"] and not link.gone


async def test_421_without_a_question_ends_it() -> None:
    async with Smtpd(script={"RSET": Raw(b"250 Ok\r\n421 4.4.2 Idle\r\n")}) as server, linked(server) as (link, _):
        answers = await link.ask(b"RSET\r\n", 1, 20)
        await server.until(lambda: bool(link.gone))
        assert [answer.code for answer in answers] == [250]
        assert link.gone == "the next hop said 421 4.4.2 Idle" and not link.garbled


async def test_an_answer_without_a_question_ends_it() -> None:
    async with Smtpd(script={"RSET": Raw(b"250 Ok\r\n250 More\r\n")}) as server, linked(server) as (link, _):
        await link.ask(b"RSET\r\n", 1, 20)
        await server.until(lambda: bool(link.gone))
        assert link.garbled and "unasked" in link.gone


async def test_a_reset_calls_back_once_it_is_answered() -> None:
    done: list[str] = []
    async with Smtpd() as server, linked(server) as (link, _):
        link.reset(lambda which: done.append(which.gone))
        assert not done
        await server.until(lambda: done == [""])
        assert link.resets == 1


async def test_a_reset_that_is_refused_or_lost_ends_the_link_and_still_calls_back() -> None:
    for step in ("500 What", CUT, Close("421 Down")):
        done: list[str] = []
        async with Smtpd(script={"RSET": step}) as server, linked(server) as (link, _):
            link.reset(lambda which, done=done: done.append(which.gone))  # type: ignore[misc]
            await server.until(lambda done=done: bool(done))  # type: ignore[misc]
            assert done[0] and link.gone
            link.reset(lambda which, done=done: done.append("again"))  # type: ignore[misc]
            assert done[1:] == ["again"]


async def test_quit_is_said_and_its_answer_waited_for() -> None:
    async with Smtpd() as server, linked(server) as (link, keeper):
        link.quit()
        assert keeper.told == ["gone"] and link.gone
        await server.until(lambda: keeper.told == ["gone", "closed"])
        assert server.sessions[0].quit
        link.quit()


async def test_a_cancelled_question_does_not_disturb_the_next() -> None:
    async with Smtpd(script={"MAIL": Later(0.05)}) as server, linked(server) as (link, _):
        question = link.ask(b"MAIL FROM:<>\r\n", 1, 20)
        question.cancel()
        assert [answer.text for answer in await link.ask(b"NOOP\r\n", 1, 20)] == [("Ok",)]
