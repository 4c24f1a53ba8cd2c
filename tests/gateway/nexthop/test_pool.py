"""The pool: reuse, growth, shares, waiting, and no session lost."""

import asyncio
from dataclasses import replace

import pytest

from gateway.nexthop import NextHop, Transaction
from gateway.nexthop.bounds import Bounds
from tests.gateway.nexthop.conftest import Clock, Kit, MakeHop
from tests.rig.smtpd import Later, Smtpd


async def opened(hop: NextHop, customer: str = "acme") -> Transaction:
    transaction = hop.transaction(customer, "a@acme.example")
    reply = await transaction.rcpt("b@example.org")
    assert reply.code == 250, reply
    return transaction


async def send(transaction: Transaction) -> str:
    return (await transaction.send(b"A: b\r\n", [b"\r\nbody\r\n"], dot_timeout=20)).outcome


async def test_it_grows_with_demand_up_to_its_limit(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=3)
        held = [await opened(hop) for _ in range(3)]
        assert hop.sessions == (3, 0, 0)
        reply = await hop.transaction("acme", "").rcpt("b@example.org")
        assert str(reply).startswith("451 4.4.5")
        for transaction in held:
            assert await send(transaction) == "accepted"
        assert hop.sessions == (3, 3, 0) and len(server.sessions) == 3
        assert hop.healthy


async def test_the_session_used_last_is_used_next(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        held = [await opened(hop) for _ in range(3)]
        for transaction in held:
            await send(transaction)
        for _ in range(3):
            await send(await opened(hop))
        assert [message.session for message in server.messages] == [0, 1, 2, 2, 2, 2]


async def test_who_waits_gets_the_next_free_session(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        held = await opened(hop)
        waiting = asyncio.create_task(opened(hop))
        await server.until(lambda: hop.sessions[2] == 1)
        await send(held)
        assert await send(await waiting) == "accepted"
        assert len(server.sessions) == 1


async def test_one_customer_holds_no_more_than_its_share(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=4, share=0.5)
        held = [await opened(hop, "loud") for _ in range(2)]
        crowd = [asyncio.create_task(hop.transaction("loud", "").rcpt("b@example.org")) for _ in range(5)]
        await server.until(lambda: hop.sessions[2] == 5)
        assert await send(await opened(hop, "quiet")) == "accepted"
        assert [str(await task)[:9] for task in crowd] == ["451 4.4.5"] * 5
        for transaction in held:
            assert await send(transaction) == "accepted"
        assert await send(await opened(hop, "loud")) == "accepted"


@pytest.mark.parametrize(("sessions", "share", "cap"), [(30, 0.1, 3), (100, 0.5, 50), (3, 0.5, 2), (1, 0.01, 1)])
async def test_a_share_is_rounded_up(make_hop: MakeHop, sessions: int, share: float, cap: int) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=sessions, share=share)
        tasks = [asyncio.create_task(hop.transaction("acme", "").rcpt("b@example.org")) for _ in range(cap + 1)]
        replies = [str(await task)[:3] for task in tasks]
        assert sorted(replies) == ["250"] * cap + ["451"]


async def test_customers_who_wait_are_served_in_turn(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, wait=5)
    order: list[str] = []

    async def work(hop: NextHop, customer: str) -> None:
        transaction = await opened(hop, customer)
        order.append(customer)
        await send(transaction)

    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        held = await opened(hop)
        tasks = [asyncio.create_task(work(hop, "loud")) for _ in range(4)]
        await server.until(lambda: hop.sessions[2] == 4)
        tasks.append(asyncio.create_task(work(hop, "quiet")))
        await server.until(lambda: hop.sessions[2] == 5)
        await send(held)
        await asyncio.gather(*tasks)
        assert order.index("quiet") == 1


async def test_a_waiter_that_is_cancelled_leaves_its_place_to_others(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        held = await opened(hop)
        first, second = asyncio.create_task(opened(hop)), asyncio.create_task(opened(hop))
        await server.until(lambda: hop.sessions[2] == 2)
        first.cancel()
        await send(held)
        assert await send(await second) == "accepted"
        assert hop.sessions == (1, 1, 0)


async def test_a_session_granted_to_a_cancelled_waiter_goes_back(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        pool = hop._pool
        held = await pool.acquire("acme")
        waiting = asyncio.create_task(pool.acquire("acme"))
        await server.until(lambda: hop.sessions[2] == 1)
        pool.give_back(held)
        waiting.cancel()  # granted, and not yet run
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert hop.sessions == (1, 1, 0)


async def test_a_right_to_dial_granted_to_a_cancelled_waiter_goes_back(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        pool = hop._pool
        held = await pool.acquire("acme")
        waiting = asyncio.create_task(pool.acquire("acme"))
        await server.until(lambda: hop.sessions[2] == 1)
        held.drop("lost")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        pool.give_back(held)
        assert await send(await opened(hop)) == "accepted"
        assert hop.sessions == (1, 1, 0)


async def test_giving_back_twice_does_nothing(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        link = await hop._pool.acquire("acme")
        hop._pool.give_back(link)
        hop._pool.give_back(link)
        assert hop.sessions == (1, 1, 0)


async def test_a_fresh_session_is_dialled_though_others_are_idle(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        link = await hop._pool.acquire("acme", fresh=True)
        assert len(server.sessions) == 2
        hop._pool.give_back(link)
        assert hop.sessions == (1, 1, 0)


async def test_a_next_hop_that_takes_no_more_connections_is_used_with_those_it_has(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, wait=5)
    async with Smtpd(script={"GREETING": [None, "421 4.7.0 Too many connections"]}) as server:
        hop = await make_hop(server, sessions=10)

        async def work() -> str:
            return await send(await opened(hop))

        assert await asyncio.gather(*(work() for _ in range(10))) == ["accepted"] * 10
        assert {message.session for message in server.messages} == {0}
        assert hop.healthy
        assert {name for name, _ in kit.alarms} == {"next_hop_address", "next_hop_full"}


async def test_idle_sessions_are_closed_politely(make_hop: MakeHop, kit: Kit) -> None:
    clock = Clock()
    kit.clock = clock
    async with Smtpd() as server:
        hop = await make_hop(server)
        held = [await opened(hop) for _ in range(2)]
        await send(held[0])
        clock.now += 40
        await send(held[1])
        clock.now += 30
        hop._pool.reap()
        assert hop.sessions == (1, 1, 0)
        await server.until(lambda: not server.sessions[0].open)
        assert server.sessions[0].quit and server.sessions[1].open


async def test_an_idle_session_that_is_closed_by_the_peer_leaves_the_pool(make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        assert hop.sessions == (1, 1, 0)
        await server.stop()
        await server.until(lambda: hop.sessions == (0, 0, 0))
        assert hop.healthy  # nothing failed yet


async def test_too_many_waiters_are_turned_away_at_once(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, wait=30, waiters=1)
    async with Smtpd() as server:
        hop = await make_hop(server, sessions=1)
        held = await opened(hop)
        waiting = asyncio.create_task(opened(hop))
        await server.until(lambda: hop.sessions[2] == 1)
        assert str(await hop.transaction("acme", "").rcpt("b@example.org")).startswith("451 4.4.5")
        await send(held)
        await send(await waiting)


async def test_many_tasks_share_few_sessions_and_nothing_is_lost_or_doubled(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = Bounds(wait=20, messages=7)
    async with Smtpd(every=10, script={"RSET": Later(0.001, "250 Ok")}) as server:
        hop = await make_hop(server, sessions=5, share=0.4)
        sent: list[str] = []

        async def work(number: int) -> None:
            transaction = hop.transaction(f"c{number % 4}", "a@acme.example")
            names = [f"r{number}-{index}@example.org" for index in range(3)]
            accepted = [name for name in names if (await transaction.rcpt(name)).positive]
            if number % 5 == 0 or not accepted:
                await transaction.abandon()
                return
            assert await send(transaction) == "accepted"
            sent.extend(accepted)

        await asyncio.gather(*(work(number) for number in range(200)))
        got = [name for message in server.messages for name in message.recipients]
        assert sorted(got) == sorted(sent) and len(got) == len(set(got))
        await server.until(lambda: hop.sessions[0] == hop.sessions[1])
        assert max(sum(m.session == s.number for m in server.messages) for s in server.sessions) <= 7
