"""A campaign that says of itself nothing, as one message to each recipient through a credential that is `auto`, and the
days that pass meanwhile: two gateways on a clock of their own, one Redis, the customer's Postfix before them.

Postfix tries what is in its queue when it is told to, and the clock is set before: so no time passes but the test's.
"""

import asyncio
import contextlib
import json
import smtplib
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from config.customers import CustomersFile
from config.policy import Policy
from config.settings import Settings
from gateway.app import Gateway
from gateway.stores import Stores
from tests.bulk.campaigns import merged, templates
from tests.rig.campaign import SENDER, Attempt, at_home, attempts, customer, newsletter
from tests.rig.gateway import Clock, decisions, settings_for
from tests.rig.grounds import DOMAINS, Person
from tests.rig.hooks import Hooks
from tests.rig.postern import PASSWORD
from tests.rig.postfix import PostfixInstance, client_of
from tests.rig.processes import RigError, free_port, wait_until
from tests.rig.sink import Sink

KINDS = ("merge", "tokens", "order", "subject", "encoding", "noise")
"""Of variation (`tests.bulk.campaigns`), in turn."""
_NEVER = "4d"
_AGAIN_SECONDS = 30.0


def merge(person: Person, at: datetime) -> bytes:
    """The campaign for one person: no List-* field, and no link to leave it that anybody could trust."""
    content = merged(templates()[0], KINDS[person.number % len(KINDS)], "Acme Ltd", person.number, 1)
    lines = content.split(b"\r\n\r\n", 1)
    kept = [line for line in lines[0].split(b"\r\n") if not line.startswith((b"To:", b"Date:"))]
    head = [*kept, f"To: {person.address}".encode(), f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}".encode()]
    return b"\r\n".join(head) + b"\r\n\r\n" + lines[1]


@dataclass(slots=True)
class Round:
    """What became of one round of attempts."""

    after: timedelta
    """The time on the gateways' clock, since the campaign began."""
    tried: int
    said: dict[str, Attempt]
    """The last attempt for each address."""
    arrived: list[str]
    """Recipients of what came to the sink in it."""
    seconds: float

    def of(self, status: str) -> set[str]:
        """Addresses whose attempt ended so."""
        return {address for address, each in self.said.items() if each.status == status}


@dataclass(slots=True)
class Queue:
    """The customer's Postfix, and the campaign in its queue."""

    postfix: PostfixInstance
    sink: Sink
    _seen: int
    """Arrivals at the sink that were there before, or were told of."""
    _read: int = 0
    """Octets of its log."""
    _news: str = ""
    _ids: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    """Addresses whose message is in the queue."""

    def submit(self, messages: Iterable[tuple[str, bytes]], after: timedelta) -> Round:
        """Put them into the queue, and wait until each was tried."""
        begun, waiting, addresses = time.monotonic(), list(messages), set[str]()
        addresses.update(address for address, _ in waiting)
        fault: list[BaseException] = []

        def one(part: list[tuple[str, bytes]]) -> None:
            try:
                with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=300) as session:
                    for address, content in part:
                        assert not session.sendmail(SENDER, [address], content, ["BODY=8BITMIME"])
            except BaseException as error:  # noqa: BLE001 - raised again below
                fault.append(error)

        threads = [threading.Thread(target=one, args=(waiting[at::4],), daemon=True) for at in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if fault:
            raise fault[0]
        self.left |= addresses
        return self._round(addresses, after, begun)

    def again(self, after: timedelta, most: int | None = None) -> Round:
        """Try what is in the queue, or so many of it, once more."""
        begun, chosen = time.monotonic(), sorted(self.left)[:most]
        if most is None:
            self.postfix.flush()
        else:
            for address in chosen:
                self.postfix.command("postqueue", "-i", self._ids[address])
        return self._round(set(chosen), after, begun)

    def _round(self, addresses: set[str], after: timedelta, begun: float) -> Round:
        said: dict[str, Attempt] = {}
        told = time.monotonic()

        def done() -> bool:
            nonlocal told
            for each in self._new():
                said[each.address] = each
                self._ids[each.address] = each.queue_id
                told = time.monotonic()
            if " fatal: " in self._news:
                raise RigError(self._news)
            missing = addresses - set(said)
            if missing and time.monotonic() - told > _AGAIN_SECONDS:
                # One that the queue manager came upon while its last attempt was not quite over is put aside.
                told = time.monotonic()
                for address in missing & set(self._ids):
                    self.postfix.command("postqueue", "-i", self._ids[address])
            time.sleep(0.2)
            return not missing

        wait_until(done, 3600, f"{len(addresses)} messages are tried")
        self.left -= {address for address, each in said.items() if each.status != "deferred"}
        arrivals = self.sink.arrivals()
        new, self._seen = arrivals[self._seen :], len(arrivals)
        arrived = [to for each in new for to in each.recipients]
        return Round(after, len(addresses), said, arrived, time.monotonic() - begun)

    def _new(self) -> list[Attempt]:
        """Attempts of which the log has told since it was last read."""
        with (self.postfix.folder / "log").open("rb") as log:
            log.seek(self._read)
            whole = log.read().rpartition(b"\n")[0]
        self._read += len(whole) + bool(whole)
        self._news = whole.decode(errors="replace")
        return list(attempts(self._news))


@contextlib.asynccontextmanager
async def two_gateways(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[list[Gateway]]:
    """Two processes' worth of gateway in this one, with one registry and one Redis."""
    other = settings.model_copy(update={"smtp": settings.smtp})
    found = [Gateway(settings, Policy(), clock), Gateway(other, Policy(), clock, process="worker-1")]
    started: list[Gateway] = []
    try:
        for each in found:
            await each.start()
            started.append(each)
        yield found
    finally:
        for each in reversed(started):
            await each.stop()
        ok = all(each.evidence.verify().ok for each in started)
        for each in found:
            each.stores.close()
        assert ok


@dataclass(slots=True)
class Auto:
    """What became of the campaign."""

    rounds: list[Round]
    arrived: Counter[str]
    before: set[str]
    """Recipients of what was let pass before it was seen for what it is, by the audit."""
    grounds: Counter[str]
    """What the audit says the others' mail rested on."""
    told: list[dict[str, Any]]
    """What the customer's webhook was told."""
    acts: Counter[str]
    """What the gateways did of themselves, by the audit."""
    alarms: float
    """What the operator's metrics count of it."""
    reached: int
    """In a day, as `postern clusters list` has it, right after all grounds were served."""


async def through_auto(
    folder: Path,
    sink: Sink,
    url: str,
    everybody: Sequence[Person],
    *,
    some: int,
    report: Callable[[Round], None] = lambda one: None,
) -> Auto:
    """Send the campaign through the credential that is `auto`; `folder` is an installation in which the people's
    grounds were imported, `some` how many messages Postfix tries while they are paced."""
    clock = Clock()
    clock.now = begun = datetime.now(UTC)
    async with Hooks(folder) as hooks, contextlib.AsyncExitStack() as stack:
        settings = settings_for(
            folder, f"127.0.0.1:{sink.port}", ledger={"url": url, "nodes": 2},
            http={"address": "127.0.0.1:0", "public_url": "https://unsubscribe.example"},
            webhooks={"allow_networks": ["127.0.0.0/8", "::1/128"], "ca_file": str(hooks.certificate.cert)},
        )  # fmt: skip
        _apply(settings, f"https://localhost:{hooks.port}/told", begun)
        gateways = await stack.enter_async_context(two_gateways(settings, clock))
        ports = [int(each.smtp_addresses[0].rpartition(":")[2]) for each in gateways]
        queue = Queue(
            await asyncio.to_thread(PostfixInstance("client", free_port(), _client(ports)).start),
            sink,
            len(sink.arrivals()),
        )
        stack.callback(queue.postfix.stop)
        rounds: list[Round] = []

        async def round_at(after: timedelta, how: Callable[[timedelta], Round]) -> None:
            clock.now = begun + after
            rounds.append(await asyncio.to_thread(how, after))
            report(rounds[-1])

        def first(after: timedelta) -> Round:
            return queue.submit(((each.address, merge(each, begun)) for each in everybody), after)

        await round_at(timedelta(), first)
        for minutes in (13, 61):
            await round_at(timedelta(minutes=minutes), lambda after: queue.again(after, some))
        await round_at(timedelta(minutes=74), queue.again)
        (told,) = await hooks.until(1)
        await round_at(timedelta(minutes=88), queue.again)
        (cluster, *_) = await gateways[0].grown("acme")
        await round_at(timedelta(hours=12), queue.again)
        await round_at(timedelta(hours=25, minutes=30), queue.again)
        chosen = [next(each for each in everybody if bool(each.kind.ground) is wanted) for wanted in (True, False)]
        late = [(each.address, merge(each, clock.now)) for each in chosen[:1]]
        declared = [(each.address, newsletter(each.number, each.address)) for each in chosen]
        await round_at(timedelta(hours=26), lambda after: queue.submit(late, after))
        await round_at(timedelta(hours=26), lambda after: queue.submit(declared, after))
        accepted = decisions(gateways[0], verdict="accept", since=begun, limit=100_000)
        assert len(hooks.received) == 1, "told once"
        acts = decisions(gateways[0], kind="action", since=begun, limit=100_000)
        alarms = sum(each.metrics.alarms.labels("bulk")._value.get() for each in gateways)
    return Auto(
        rounds,
        Counter(each for one in rounds for each in one.arrived),
        {to for each in accepted if each["class"] == "C1" for to in each["recipients"]},
        Counter(f"{one['ground']} {one['grade']}" for each in accepted if each["class"] == "C4" for one in each["grounds"]),
        [json.loads(told.body)],
        Counter(each["act"] for each in acts if each["actor"] == "gateway"),
        alarms,
        cluster.reach.day,
    )  # fmt: skip


def _apply(settings: Settings, webhook: str, now: datetime) -> None:
    """The same customer, with a webhook and with passwords that cost little to verify."""
    # The fields to leave by are put in, and the link in the text is at a host that is registered: so what is left to be
    # decided about, once this is bulk mail, is whether there are grounds.
    known = customer(
        webhook={"url": webhook}, unsubscribe="insert", unsubscribe_hosts=["u.example", "www.acme.example"]
    )
    for each in known["credentials"]:
        del each["password"]
        each["password_hash"] = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    stores = Stores.open(settings)
    stores.customers.apply(CustomersFile.model_validate({"customers": [known]}).customers, now)
    stores.close()


def _client(ports: Sequence[int]) -> dict[str, str]:
    """Settings of the customer's Postfix: each gateway gets one of the recipients' domains."""
    routes = [f"{{{domain} = smtp:[127.0.0.1]:{port}}}" for domain, port in zip(DOMAINS, ports, strict=True)]
    return client_of(ports[0], "acme-app", PASSWORD) | at_home() | {
        "transport_maps": f"inline:{{{', '.join([*routes, '{acme.example = discard:}'])}}}",
        "queue_run_delay": _NEVER,
        "minimal_backoff_time": _NEVER,
        "maximal_backoff_time": _NEVER,
    }  # fmt: skip
