"""Ledgers of several processes, all in this one."""

from gateway.ledger.redis import RedisLedger
from tests.rig.redis import RedisServer


class World:
    """Ledgers of several processes on one server, with one clock and one list of alarms."""

    def __init__(self, server: RedisServer) -> None:
        self.server, self.now = server, 1_800_000_000.0
        self.alarms: list[str] = []
        self.made: list[RedisLedger] = []

    def process(self, processes: int = 2, url: str | None = None) -> RedisLedger:
        def alarm(part: str, text: str) -> None:
            assert part == "ledger"
            self.alarms.append(text)

        made = RedisLedger(
            url or self.server.url, processes=processes, clock=lambda: self.now, alarm=alarm, tell_time=True
        )
        self.made.append(made)
        return made

    async def close(self) -> None:
        for each in self.made:
            await each.close()
