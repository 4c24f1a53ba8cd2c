"""A Redis that came and went made an alarm each time: one a minute is enough."""

from tests.rig.ledgers import World
from tests.rig.redis import running


async def test_a_redis_that_comes_and_goes_makes_one_alarm_a_minute() -> None:
    with running() as server:
        world = World(server)
        ledger = world.process()
        for _ in range(3):
            server.kill()
            await ledger.keep()
            assert not ledger.healthy
            server.up()
            while not ledger.healthy:
                await ledger.keep()
        assert len(world.alarms) == 1
        await world.close()
