"""NextHop: one [[next_hops]] entry at work."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from config.settings import NextHop as NextHopSettings
from gateway.nexthop.bounds import Bounds
from gateway.nexthop.dial import Dialler, Offer
from gateway.nexthop.health import Health
from gateway.nexthop.pool import Pool
from gateway.nexthop.reading import Stage
from gateway.nexthop.transaction import Transaction
from gateway.rota import Rota


class NextHop:
    """The MTA behind us. `clock` is monotonic, in seconds; `on_alarm(name, text)` is told what an operator should know;
    pieces of large messages are written by the `rota`.

    Built, then started, then closed, each once.
    """

    def __init__(
        self,
        settings: NextHopSettings,
        *,
        hostname: str,
        clock: Callable[[], float],
        on_alarm: Callable[[str, str], None] | None,
        rota: Rota,
        bounds: Bounds | None = None,
    ) -> None:
        self.name = settings.name
        self.authenticates = settings.username is not None
        """Whether we authenticate to it, on every session."""
        self._bounds, self._rota = bounds or Bounds(), rota
        self._clock = clock
        self._health = Health(settings.name, clock, on_alarm, self._bounds)
        self._dialler = Dialler(settings, hostname, clock, self._health, self._bounds)
        self._pool = Pool(
            self._dialler,
            self._health,
            sessions=settings.sessions,
            share=settings.share,
            bounds=self._bounds,
            clock=clock,
        )
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the password and the roots (raises ConfigError), look once whether the next hop answers, and go on."""
        self._dialler.prepare()
        try:
            async with asyncio.timeout(self._bounds.first_probe):
                await self._pool.probe()
        except TimeoutError:
            self._health.fault(Stage.CONNECT, f"no session within {self._bounds.first_probe:g} s")
        self._keeper = asyncio.create_task(self._keep(), name=f"next hop {self.name}")

    async def close(self) -> None:
        """Close all sessions; what runs on them ends as if the connection was lost."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._pool.close()

    @property
    def offer(self) -> Offer:
        """What the next hop offered on the session opened last; empty before the first."""
        return self._dialler.offer

    @property
    def healthy(self) -> bool:
        """Whether nothing stands against passing mail on."""
        return not self._health.trouble

    @property
    def trouble(self) -> str:
        """Why not; empty when healthy."""
        return self._health.trouble

    @property
    def sessions(self) -> tuple[int, int, int]:
        """Open sessions, those of them that are idle, and transactions that wait for one."""
        return self._pool.size, self._pool.idle, self._pool.waiting

    def transaction(self, customer: str, reverse_path: str, mail_parameters: Sequence[str] = ()) -> Transaction:
        """A transaction for one message of a customer; nothing is sent before its first recipient.

        Raises ValueError when the reverse-path or a parameter cannot be sent.
        """
        return Transaction(
            self._pool,
            self._health,
            self._bounds,
            self._rota,
            customer=customer,
            reverse_path=reverse_path,
            mail_parameters=mail_parameters,
        )

    async def _keep(self) -> None:
        """Close idle sessions; look at a next hop that is down, or not heard of for long."""
        while True:
            await asyncio.sleep(self._bounds.probe)
            try:
                self._pool.reap()
                quiet = self._clock() - self._pool.last_used >= self._bounds.idle
                if not self._health.reachable or quiet:
                    await self._pool.probe()
            except Exception as error:  # noqa: BLE001 - a fault here must not end the looking
                self._health.alarm("next_hop_keeper", f"{type(error).__name__}: {error}")
