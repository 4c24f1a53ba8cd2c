"""Webhooks: delivers what is in the outbox, to a customer's webhook, or by mail where it has none.

What fails is tried again after growing pauses for three days, and is then kept as failed, for `postern webhooks`. One
dispatch of a customer is under way in a process at a time, so that a webhook that hangs holds up only its own customer.
Order is not promised.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from config.customers import Customer
from consent.database import RegistryError
from consent.keys import Secrets
from consent.outbox import Dispatch, Outbox
from gateway.alert_mail import AlertMail
from gateway.leavers import LEFT
from gateway.metrics import Metrics
from gateway.own_mail import MailFailed
from gateway.posting import Poster, PostFailed

AT_ONCE = 8
"""Deliveries under way in one process."""
LEASE = timedelta(seconds=150)
"""How long one may take before another process tries: more than any bound of a delivery."""
PAUSES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800))
"""Before the second attempt, the third and so on; the last of them from then on."""
_LOOK_SECONDS = 1.0
_COUNT_EVERY = timedelta(seconds=15)
_ALARM_EVERY = timedelta(minutes=1)


def next_attempt(dispatch: Dispatch, now: datetime) -> datetime | None:
    """When what has just failed is tried again; None when it is given up."""
    due = now + PAUSES[min(dispatch.attempts, len(PAUSES)) - 1]
    return due if due < dispatch.until else None


def signing_secrets(secrets: Secrets, customer: Customer) -> list[bytes]:
    """What signs a customer's requests: the secret of the version set, and the one before it, until it is replaced."""
    latest = customer.webhook.secret_version if customer.webhook else 1
    return [secrets.webhook_secret(customer.id, version) for version in (latest, latest - 1) if version >= 1]


class Webhooks:
    """The deliveries of one process. For the event loop: `run` once, then `close`."""

    def __init__(
        self,
        outbox: Outbox,
        secrets: Secrets,
        customer: Callable[[str], Customer | None],
        poster: Poster,
        mail: AlertMail,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """`customer` looks one up in memory."""
        self._outbox, self._secrets, self._customer = outbox, secrets, customer
        self._poster, self._mail, self._metrics, self._clock = poster, mail, metrics, clock
        self._under_way: dict[str, asyncio.Task[None]] = {}
        """Customer -> its delivery."""
        self._look = asyncio.Event()
        self._looking = asyncio.Lock()
        """Whoever looks meanwhile waits: what another has claimed is under way then."""
        self._counted: datetime | None = None
        self._alarmed: datetime | None = None
        self._unsaid = 0

    async def run(self) -> None:
        """Deliver until cancelled; a registry that is down is asked again."""
        while True:
            self._look.clear()
            try:
                await self.look()
            except RegistryError as error:
                self._alarm(f"the outbox is not reached: {error}")
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it takes a cancellation for nothing when both come at once.
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._look.wait()

    async def look(self) -> None:
        """Begin with what is due now. Raises RegistryError."""
        async with self._looking:
            while len(self._under_way) < AT_ONCE:
                room, busy = AT_ONCE - len(self._under_way), tuple(self._under_way)
                claimed = await asyncio.to_thread(self._outbox.claim, self._clock(), LEASE, room, busy)
                for dispatch in claimed:
                    task = asyncio.create_task(self._deliver(dispatch), name=f"dispatch {dispatch.id}")
                    self._under_way[dispatch.customer] = task
                if not claimed:
                    break
        now = self._clock()
        if self._counted is None or now - self._counted >= _COUNT_EVERY:
            self._counted = now
            await self._count(now)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    async def close(self, seconds: float) -> None:
        """Let what is under way end within so many seconds; the rest is left for whoever looks next. `run` must have
        been cancelled."""
        tasks = set(self._under_way.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._poster.close()

    async def purge(self) -> None:
        """Forget what ended long ago; raises RegistryError."""
        await asyncio.to_thread(self._outbox.purge, self._clock())

    async def _deliver(self, dispatch: Dispatch) -> None:
        customer = self._customer(dispatch.customer)
        via = "webhook" if customer is not None and customer.webhook is not None else "mail"
        error = ""
        try:
            await self._attempt(customer, dispatch)
        except (PostFailed, MailFailed) as failed:
            error = str(failed)
        except asyncio.CancelledError:
            # Whoever is started next need not wait for the lease to end.
            with contextlib.suppress(RegistryError):
                self._outbox.again(dispatch, self._clock(), "interrupted by a stop")
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not end the deliveries, nor lose this one
            error = f"{type(fault).__name__}: {fault}"
        try:
            await self._note(dispatch, via, error)
        except RegistryError as down:
            # Once the lease is over it is delivered again, under the same id.
            self._alarm(f"what became of a dispatch cannot be noted: {down}")
        finally:
            self._under_way.pop(dispatch.customer, None)
            self._look.set()

    async def _attempt(self, customer: Customer | None, dispatch: Dispatch) -> None:
        if customer is not None and customer.webhook is not None:
            keys = signing_secrets(self._secrets, customer)
            await self._poster.post(customer.webhook, dispatch.id, dispatch.body, keys, self._clock())
        elif customer is not None and not dispatch.type.startswith(LEFT) and self._mail.reaches(customer):
            await self._mail.send(customer, dispatch)
        else:
            raise MailFailed("no webhook, and no contact or no [operator] mailbox")

    async def _note(self, dispatch: Dispatch, via: str, error: str) -> None:
        now = self._clock()
        if not error:
            self._metrics.dispatches.labels(via, "delivered").inc()
            await asyncio.to_thread(self._outbox.delivered, dispatch, now)
            return
        due = next_attempt(dispatch, now)
        self._metrics.dispatches.labels(via, "failed" if due is None else "again").inc()
        self._alarm(f"customer {dispatch.customer}: {via}, attempt {dispatch.attempts}: {error}")
        if due is None:
            await asyncio.to_thread(self._outbox.failed, dispatch, now, error)
        else:
            await asyncio.to_thread(self._outbox.again, dispatch, due, error)

    async def _count(self, now: datetime) -> None:
        found = await asyncio.to_thread(self._outbox.waiting)
        self._metrics.dispatches_waiting.set(found.waiting)
        self._metrics.dispatches_failed.set(found.failed)
        age = 0.0 if found.oldest is None else max(0.0, (now - found.oldest).total_seconds())
        self._metrics.dispatches_oldest.set(age)

    def _alarm(self, text: str) -> None:
        """One line a minute, with the number of those that were not said."""
        now = self._clock()
        if self._alarmed is not None and now - self._alarmed < _ALARM_EVERY:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since)" if self._unsaid else ""
        self._alarmed, self._unsaid = now, 0
        self._metrics.alarm("webhooks", text + more)
