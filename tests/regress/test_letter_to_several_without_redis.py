"""While Redis was away a letter to several was taken to have reached them already, at each process: so with two processes
one to seven was paced, with four one to three, and with sixteen one to seven was bulk mail that nobody had declared."""

import pytest

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import Reach
from gateway.ledger.clusters_redis import RedisClusters
from tests.rig.ledgers import World
from tests.rig.redis import running

LETTER = Fingerprint(tuple(range(100, 150)))
SEVEN = [f"person{number}" for number in range(7)]


@pytest.mark.parametrize("processes", [2, 16])
async def test_who_is_asked_about_is_not_reached_by_other_processes(processes: int) -> None:
    with running() as server:
        world = World(server)
        ledger = world.process(processes)
        here = RedisClusters(ledger, processes=processes, clock=lambda: world.now)
        server.kill()
        placed = await here.place("acme", LETTER, SEVEN, fresh="a")
        assert placed.reach == Reach(7, 7, 7)
        assert await here.hold("acme", "a", "1", SEVEN, 20) is None
        # What was reached counts as reached by all, as before, and the letter's second attempt as no more.
        here.reached("acme", "a", SEVEN[:3])
        await here.close()
        assert await here.hold("acme", "a", "2", SEVEN, 20) is None
        assert (await here.place("acme", LETTER, SEVEN[3:], fresh="b")).reach.day == 3 * processes + 4
        await world.close()
