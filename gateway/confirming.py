"""Confirming: sends the confirmation mails that wait, through the customer's next hop, signed with its key.

A mail is claimed before it is sent, for a time: what a process takes with it when it dies is found by another, or by
the next. Whether it was sent is then not known, so it is counted again before it is sent again, and where a cap forbids
that it is given up: rather no second mail than a third. What the next hop has refused for now is tried for a day.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from config.settings import Settings
from consent.address import Address
from consent.confirmations import TRIED_FOR, Confirmation
from consent.database import RegistryError
from gateway.audit.errors import JournalClosed
from gateway.audit.record import Act, without_local_parts
from gateway.confirmation_mail import About, author, content, message_id, recipient, stuffed
from gateway.confirmations import Confirmations, origin
from gateway.metrics import Metrics
from gateway.own_mail import MailFailed, OwnMail
from gateway.signing import Signing

AT_ONCE = 8
"""Mails under way in one process, one of each customer."""
LEASE = timedelta(seconds=150)
"""How long one may take before another process tries: more than any bound of sending."""
PAUSES = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1800, 3600))
"""Before the second attempt, the third and so on; the last of them from then on."""
_LOOK_SECONDS = 1.0
_ALARM_EVERY = timedelta(minutes=1)


class Confirming:
    """The sending of one process. For the event loop: `run` once, then `close`."""

    def __init__(
        self,
        confirmations: Confirmations,
        settings: Callable[[], Settings],
        mail: OwnMail,
        signing: Signing,
        note: Callable[[Act], None],
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """`settings` gives those in force; `note` is the journal's."""
        self._confirmations, self._store, self._settings = confirmations, confirmations.store, settings
        self._mail, self._signing, self._note = mail, signing, note
        self._metrics, self._clock = metrics, clock
        self._under_way: dict[str, asyncio.Task[None]] = {}
        """Customer -> its mail."""
        self._look = asyncio.Event()
        self._looking = asyncio.Lock()
        """Whoever looks meanwhile waits: what another has claimed is under way then."""
        self._alarmed: datetime | None = None

    def hurry(self) -> None:
        """There is a new mail: look at once. From the event loop."""
        self._look.set()

    async def run(self) -> None:
        """Send until cancelled; a registry that is down is asked again."""
        while True:
            self._look.clear()
            try:
                await self.look()
            except RegistryError as error:
                self._alarm(f"those that wait are not reached: {error}")
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it takes a cancellation for nothing when both come at once.
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._look.wait()

    async def look(self) -> None:
        """Begin with what is due now. Raises RegistryError."""
        async with self._looking:
            while len(self._under_way) < AT_ONCE:
                room, busy = AT_ONCE - len(self._under_way), tuple(self._under_way)
                claimed = await asyncio.to_thread(self._store.claim, self._clock(), LEASE, room, busy)
                for mail in claimed:
                    self._under_way[mail.customer] = asyncio.create_task(self._one(mail), name="confirmation mail")
                if not claimed:
                    break

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

    async def purge(self) -> None:
        """Forget what is long over; raises RegistryError."""
        await asyncio.to_thread(self._store.purge, self._clock())

    async def _one(self, mail: Confirmation) -> None:
        try:
            await self._ended(mail, await self._attempt(mail))
        except asyncio.CancelledError:
            # Whoever is started next need not wait for the lease to end.
            with contextlib.suppress(RegistryError):
                self._store.again(mail, self._clock(), "interrupted by a stop", doubtful=True)
            raise
        except RegistryError as down:
            # Once the lease is over it is looked at again.
            self._alarm(f"the registry does not answer: {down}")
        finally:
            self._under_way.pop(mail.customer, None)
            self._look.set()

    async def _attempt(self, mail: Confirmation) -> MailFailed | None:
        """Send it; why not. Raises RegistryError."""
        settings, now = self._settings(), self._clock()
        if now >= mail.created + TRIED_FOR:
            return MailFailed(mail.error or "it waited too long", final=True)
        prepared = await asyncio.to_thread(self._confirmations.prepared, mail)
        if isinstance(prepared, str):
            return MailFailed(prepared, final=True)
        if mail.doubtful:
            per_hour = settings.limits.confirmations_per_hour
            if not await asyncio.to_thread(self._store.recount, mail, now, per_hour=per_hour):
                return MailFailed("it may have been sent, and a cap forbids another", final=True)
        begun = False
        try:
            octets = await self._written(settings, mail, *prepared)
            begun = True
            await self._send(settings, mail, *prepared, octets)
        except MailFailed as failed:
            return failed
        except RegistryError:
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not end the sending, nor lose this one
            return MailFailed(f"{type(fault).__name__}: {fault}", unknown=begun)
        return None

    async def _written(self, settings: Settings, mail: Confirmation, about: About, address: Address) -> bytes:
        """The message, signed where the customer has a key for its author."""
        octets = content(settings, about, mail, self._confirmations.url(mail), recipient(address))
        mailbox, own = author(settings, about)
        if not own:
            return octets
        return await self._signing.sign_ours(about.customer, mailbox.domain, octets, self._clock()) + octets

    async def _send(
        self, settings: Settings, mail: Confirmation, about: About, address: Address, octets: bytes
    ) -> None:
        customer, to, (mailbox, _) = about.customer, recipient(address), author(settings, about)
        hop = next((each for each in settings.next_hops if each.name == customer.next_hop), settings.next_hops[0])
        delivery = await self._mail.send(settings, hop, customer.id, mailbox.text, to, stuffed(octets))
        number = message_id(settings, mail)
        await asyncio.to_thread(self._store.done, mail, self._clock(), number, delivery.answer)
        details = {
            "list": mail.list, "request": mail.request, "confirmation": origin(mail), "message_id": number,
            "next_hop": f"{hop.name} {delivery.address}", "reply": without_local_parts(delivery.answer),
        }  # fmt: skip
        with contextlib.suppress(JournalClosed):
            self._note(Act("gateway", "confirmation mail sent", customer.id, address, details=details))

    async def _ended(self, mail: Confirmation, failed: MailFailed | None) -> None:
        if failed is None:
            self._metrics.confirmations.labels("sent").inc()
            return
        due = self._clock() + PAUSES[min(mail.attempts, len(PAUSES)) - 1]
        given_up = failed.final or due >= mail.created + TRIED_FOR
        self._metrics.confirmations.labels("failed" if given_up else "again").inc()
        if given_up:
            await asyncio.to_thread(self._store.failed, mail, str(failed))
        else:
            self._alarm(f"customer {mail.customer}, attempt {mail.attempts}: {failed}")
            await asyncio.to_thread(self._store.again, mail, due, str(failed), doubtful=failed.unknown)

    def _alarm(self, text: str) -> None:
        """One line a minute."""
        now = self._clock()
        if self._alarmed is None or now - self._alarmed >= _ALARM_EVERY:
            self._alarmed = now
            self._metrics.alarm("confirmations", text)
