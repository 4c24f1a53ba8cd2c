"""The next hop as a whole: start, probing, close."""

import asyncio
import time
from dataclasses import replace

from gateway.nexthop import NextHop, Offer
from gateway.rota import Rota
from tests.gateway.nexthop.conftest import Clock, Kit, MakeHop
from tests.rig.smtpd import STALL, Smtpd


async def test_the_offer_is_empty_and_health_unknown_before_the_start(kit: Kit, make_hop: MakeHop) -> None:
    async with Smtpd() as server:
        hop = await make_hop(server)
        settings = hop._dialler._settings
        new = NextHop(settings, hostname="gw.example", clock=time.monotonic, on_alarm=None, rota=Rota())
        assert new.offer == Offer() and not new.healthy and new.trouble
        await new.close()


async def test_a_start_in_front_of_a_silent_next_hop_is_quick_and_red(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, first_probe=0.05)
    async with Smtpd(script={"GREETING": STALL}) as server:
        hop = await make_hop(server)
        assert not hop.healthy and "connect" in hop.trouble
        assert [name for name, _ in kit.alarms] == ["next_hop_connect"]


async def test_a_next_hop_that_comes_back_is_noticed_without_mail(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, probe=0.02)
    async with Smtpd(script={"GREETING": ["554 Not yet", "554 Not yet", None]}) as server:
        hop = await make_hop(server)
        assert not hop.healthy
        await server.until(lambda: hop.healthy)
        assert hop.offer.extensions and hop.sessions == (1, 1, 0)
        assert len(server.sessions) == 3


async def test_a_quiet_next_hop_is_looked_at_now_and_then(make_hop: MakeHop, kit: Kit) -> None:
    clock = Clock()
    kit.clock = clock
    kit.bounds = replace(kit.bounds, probe=0.02)
    async with Smtpd() as server:
        hop = await make_hop(server)
        await server.stop()
        await server.until(lambda: hop.sessions[0] == 0)
        healthy = [hop.healthy]
        clock.now += 60
        await server.until(lambda: bool(hop.trouble))
        await server.start()
        await server.until(lambda: not hop.trouble)
        assert healthy == [True] and hop.sessions == (1, 1, 0)


async def test_close_says_quit_and_ends_what_runs(make_hop: MakeHop) -> None:
    async with Smtpd(script={"DOT": STALL}) as server:
        hop = await make_hop(server)
        idle, running = (hop.transaction("acme", "") for _ in range(2))
        for transaction in (running, idle):
            await transaction.rcpt("b@example.org")
        await idle.abandon()
        task = asyncio.create_task(running.send(b"A: b\r\n", [], dot_timeout=60))
        await server.until(lambda: running.dot_sent and hop.sessions == (2, 1, 0))
        await hop.close()
        assert (await task).outcome == "unknown"
        assert hop.sessions == (0, 0, 0)
        await server.until(lambda: sorted(session.quit for session in server.sessions) == [False, True])
        after = hop.transaction("acme", "")
        assert (await after.rcpt("b@example.org")).code == 451


async def test_close_does_not_wait_for_a_next_hop_that_ignores_quit(make_hop: MakeHop, kit: Kit) -> None:
    kit.bounds = replace(kit.bounds, quit=0.05)
    async with Smtpd(script={"QUIT": STALL}) as server:
        hop = await make_hop(server)
        await hop.close()
        await server.until(lambda: server.sessions[0].quit)
        assert hop.sessions == (0, 0, 0)
