"""Deliveries: each at least once, retried with growing pauses for three days, none held up by another's customer."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from config.customers import Customer
from config.settings import Webhooks as Settings
from config.webhooks import Webhook
from consent.database import Database, RegistryDown
from consent.outbox import TRIED_FOR, Dispatch, Outbox
from gateway.alert_mail import AlertMail
from gateway.metrics import Metrics
from gateway.own_mail import OwnMail
from gateway.posting import Poster, secret_text
from gateway.webhooks import AT_ONCE, LEASE, PAUSES, Webhooks, next_attempt, signing_secrets
from tests.gateway.test_posting import home
from tests.rig.gateway import Clock, running, settings_for
from tests.rig.hooks import NAME, Hooks
from tests.rig.registry import secrets, sqlite

pytest_plugins = ("tests.rig.contracts",)


class Deliveries:
    """What delivers, its outbox, and the customers it knows."""

    def __init__(
        self, folder: Path, database: Database, hooks: Hooks | None = None, clock: Clock | None = None
    ) -> None:
        self.clock, self.outbox, self.metrics = clock or Clock(), Outbox(database), Metrics()
        self.customers: dict[str, Customer] = {}
        self.secrets = secrets(folder)
        values: dict[str, Any] = {"allow_networks": ["127.0.0.0/8"], "timeout": 30}
        if hooks is not None:
            values["ca_file"] = hooks.certificate.cert
            self.know("acme", hooks.url)
        mail = AlertMail(lambda: settings_for(folder, "127.0.0.1:1", operator={}), OwnMail())
        poster = Poster(Settings.model_validate(values), home)
        self.webhooks = Webhooks(self.outbox, self.secrets, self.customers.get, poster, mail, self.metrics, self.clock)

    def know(self, name: str, url: str | None, **more: Any) -> None:
        """A customer with a webhook there."""
        webhook = None if url is None else Webhook(url=url)
        self.customers[name] = Customer(id=name, name=name, domains=(f"{name}.example",), webhook=webhook, **more)

    def add(self, customer: str = "acme", **data: object) -> str:
        """Something to tell."""
        number = self.outbox.add(customer, "test", data, self.clock())
        assert number is not None
        return number

    async def round(self) -> None:
        """Deliver what is due now."""
        await self.webhooks.look()
        await self.webhooks.idle()

    def the(self, number: str) -> Dispatch:
        """A dispatch as it is now."""
        return next(each for each in self.outbox.list() if each.id == number)

    def metric(self, name: str) -> float:
        """A metric of one label set, or of that named in the name."""
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0.0)


@asynccontextmanager
async def delivering(folder: Path, *acts: int | str | bytes) -> AsyncIterator[tuple[Deliveries, Hooks]]:
    async with Hooks(folder, *acts) as hooks:
        with sqlite(folder) as database:
            made = Deliveries(folder, database, hooks)
            try:
                yield made, hooks
            finally:
                await made.webhooks.close(0)


async def until(true: Callable[[], bool]) -> None:
    """Return once it is so."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - any condition, also one that nobody signals
            await asyncio.sleep(0.02)


async def test_what_waits_is_posted_signed_under_its_id(database: Database, tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        made = Deliveries(tmp_path, database, hooks)
        number = made.add(used=9)
        await made.round()
        await made.webhooks.close(0)
    (got,) = hooks.received
    event = json.loads(got.body)
    assert (event["id"], event["type"], event["data"]) == (number, "test", {"used": 9})
    assert got.headers["webhook-id"] == number
    assert got.signed_by(secret_text(made.secrets.webhook_secret("acme", 1)))
    found = made.the(number)
    assert (found.status, found.ended, found.attempts) == ("delivered", made.clock.now, 1)
    assert made.metric('postern_dispatches_total{result="delivered",via="webhook"}') == 1


async def test_what_fails_is_tried_again_under_its_id_after_growing_pauses(tmp_path: Path) -> None:
    async with delivering(tmp_path, 500, 500, 404, 200) as (made, hooks):
        number = made.add()
        for attempt, pause in enumerate(PAUSES[:3], 1):
            await made.round()
            found = made.the(number)
            assert (found.status, found.attempts, found.due) == ("waiting", attempt, made.clock.now + pause)
            assert found.error == f"{NAME}: answered {404 if attempt == 3 else 500}"
            made.clock.now += pause - timedelta(seconds=1)
            await made.round()
            assert len(hooks.received) == attempt, "not before it is due"
            made.clock.now += timedelta(seconds=1)
        await made.round()
        assert made.the(number).status == "delivered"
        assert {(each.headers["webhook-id"], each.body) for each in hooks.received} == {
            (number, hooks.received[0].body)
        }
        assert len({each.headers["webhook-timestamp"] for each in hooks.received}) == 4, "each is signed anew"


async def test_after_three_days_it_is_given_up_kept_and_can_be_tried_again(tmp_path: Path) -> None:
    async with delivering(tmp_path, 500) as (made, hooks):
        number, begun = made.add(), made.clock.now
        while made.the(number).status == "waiting":
            await made.round()
            if made.the(number).status == "waiting":
                made.clock.now = made.the(number).due
        assert timedelta(days=2.5) < made.clock.now - begun < TRIED_FOR
        found = made.the(number)
        assert (found.status, found.attempts, len(hooks.received)) == ("failed", 17, 17)
        made.clock.now += timedelta(days=1)
        await made.round()
        assert len(hooks.received) == 17
        hooks.acts = [200]
        made.outbox.retry(made.clock.now, number=number)
        await made.round()
        assert made.the(number).status == "delivered"


def test_pauses_grow_and_end_with_the_three_days() -> None:
    assert list(PAUSES) == sorted(PAUSES)
    now = Clock().now
    dispatch = Dispatch("evt_1", "acme", "test", "{}", now, "waiting", now, 1, now + TRIED_FOR, None, "")
    assert next_attempt(dispatch, now) == now + PAUSES[0]
    assert next_attempt(dispatch, now + TRIED_FOR) is None
    assert next_attempt(dispatch, now + TRIED_FOR - PAUSES[0]) is None
    assert next_attempt(dispatch, now + TRIED_FOR - PAUSES[0] - timedelta(seconds=1)) is not None


async def test_a_webhook_that_hangs_holds_up_its_own_customer_only(tmp_path: Path) -> None:
    async with delivering(tmp_path) as (made, hooks):
        async with Hooks(tmp_path, "hang", certificate=hooks.certificate) as hung:
            made.know("slow", hung.url)
            for _ in range(AT_ONCE + 2):
                made.add("slow")
            ours = [made.add() for _ in range(5)]
            worker = asyncio.create_task(made.webhooks.run())
            await hung.until(1)
            await until(lambda: all(made.the(each).status == "delivered" for each in ours))
            assert len(hung.received) == 1, "one at a time"
            worker.cancel()


async def test_a_stop_lets_go_of_what_is_under_way_and_it_is_delivered_by_the_next(tmp_path: Path) -> None:
    async with delivering(tmp_path, "hang", 200) as (made, hooks):
        number = made.add()
        await made.webhooks.look()
        await hooks.until(1)
        await made.webhooks.close(0.05)
        found = made.the(number)
        assert (found.status, found.due) == ("waiting", made.clock.now), "at once, not when the lease ends"
        successor = Deliveries(tmp_path, made.outbox._database, hooks, made.clock)
        await successor.round()
        await successor.webhooks.close(0)
        assert successor.the(number).status == "delivered"
        assert [each.headers["webhook-id"] for each in hooks.received] == [number, number]


async def test_a_stop_waits_for_what_ends_soon(tmp_path: Path) -> None:
    async with delivering(tmp_path) as (made, hooks):
        number = made.add()
        await made.webhooks.look()
        await made.webhooks.close(60)
        assert made.the(number).status == "delivered"


async def test_two_that_share_the_outbox_deliver_each_once(database: Database, url: str, tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        other = Database(url)
        both = [Deliveries(tmp_path, each, hooks) for each in (database, other)]
        for made in both:
            for number in range(6):
                made.know(f"customer-{number}", hooks.url)
        ids = {both[0].add(f"customer-{number % 6}") for number in range(36)}
        workers = [asyncio.create_task(made.webhooks.run()) for made in both]
        await until(lambda: len(both[0].outbox.list(status="delivered")) == 36)
        for worker in workers:
            worker.cancel()
        for made in both:
            await made.webhooks.close(60)
        other.close()
    assert sorted(each.headers["webhook-id"] for each in hooks.received) == sorted(ids)


async def test_a_customer_that_cannot_be_told_is_a_failure_that_says_so(tmp_path: Path) -> None:
    async with delivering(tmp_path) as (made, hooks):
        made.know("mute", None)
        for name in ("mute", "unknown"):
            number = made.add(name)
            await made.round()
            assert made.the(number).error == "no webhook, and no contact or no [operator] mailbox"


async def test_a_fault_of_ours_loses_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as (made, hooks):
        number = made.add()

        def broken(customer: Customer) -> bool:
            raise ZeroDivisionError("ours")

        made.know("acme", None)
        made.webhooks._mail.reaches = broken  # type: ignore[method-assign]
        await made.round()
        assert (made.the(number).status, made.the(number).error) == ("waiting", "ZeroDivisionError: ours")


async def test_a_registry_that_is_down_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with delivering(tmp_path) as (made, hooks):
        number, claim, asked = made.add(), made.outbox.claim, []

        def down_at_first(*arguments: Any) -> Any:
            asked.append(arguments)
            if len(asked) == 1:
                raise RegistryDown("registry: gone")
            return claim(*arguments)

        monkeypatch.setattr(Outbox, "claim", lambda self, *arguments: down_at_first(*arguments))
        worker = asyncio.create_task(made.webhooks.run())
        await until(lambda: made.the(number).status == "delivered")
        worker.cancel()
        assert made.metric('postern_alarms_total{part="webhooks"}') == 1


async def test_what_could_not_be_noted_is_delivered_again_under_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with delivering(tmp_path) as (made, hooks):
        number = made.add()
        with monkeypatch.context() as patched:

            def down(self: Outbox, *arguments: object) -> bool:
                raise RegistryDown("registry: gone")

            patched.setattr(Outbox, "delivered", down)
            await made.round()
        assert made.the(number).status == "waiting"
        await made.round()
        assert len(hooks.received) == 1, "it is still lent"
        made.clock.now += LEASE
        await made.round()
        assert made.the(number).status == "delivered"
        assert [each.headers["webhook-id"] for each in hooks.received] == [number, number]


async def test_who_left_is_told_by_no_mail(tmp_path: Path) -> None:
    """A webhook that was taken away meanwhile: its contact is not sent a mail for each."""
    with sqlite(tmp_path) as database:
        made = Deliveries(tmp_path, database)
        made.know("mail", None, contact="ann@mail.example")
        number = made.outbox.add("mail", "unsubscribe", {}, made.clock())
        await made.round()
        await made.webhooks.close(0)
        (found,) = made.outbox.list()
    assert (found.id, found.status) == (number, "waiting")
    assert found.error.startswith("no webhook")


async def test_failures_are_one_line_a_minute_with_the_number_of_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with delivering(tmp_path, 500) as (made, hooks):
        for _ in range(3):
            made.add()
            await made.round()
        lines = [record.message for record in caplog.records if record.name == "postern.alarm"]
        assert lines == [f"webhooks: customer acme: webhook, attempt 1: {NAME}: answered 500"]
        made.clock.now += timedelta(minutes=1)
        await made.round()
        lines = [record.message for record in caplog.records if record.name == "postern.alarm"]
        assert lines[1].endswith("(2 more since)")
        assert "/in" not in caplog.text


async def test_metrics_tell_what_waits_its_age_and_what_was_given_up(tmp_path: Path) -> None:
    async with delivering(tmp_path, 500) as (made, hooks):
        made.add()
        made.add()
        lost = made.outbox.claim(made.clock.now, LEASE, 1)[0]
        made.outbox.failed(lost, made.clock.now, "x")
        made.clock.now += timedelta(seconds=40)
        await made.round()
        assert made.metric("postern_dispatches_waiting") == 1
        assert made.metric("postern_dispatches_oldest_seconds") == 40
        assert made.metric("postern_dispatches_failed") == 1
        assert made.metric('postern_dispatches_total{result="again",via="webhook"}') == 1


def test_the_first_secret_has_none_before_it(tmp_path: Path) -> None:
    keys = secrets(tmp_path)
    for version, signing in ((1, [1]), (2, [2, 1]), (7, [7, 6])):
        webhook = Webhook(url="https://hooks.acme.example/", secret_version=version)
        customer = Customer(id="acme", name="Acme", domains=("acme.example",), webhook=webhook)
        assert signing_secrets(keys, customer) == [keys.webhook_secret("acme", each) for each in signing]


async def test_a_running_gateway_tells_a_limit_at_once(tmp_path: Path) -> None:
    """Whole: `alerts.limit`, the outbox, a request, the audit; and after a stop nothing is left behind."""
    async with Hooks(tmp_path) as hooks:
        url = f"https://localhost:{hooks.port}/in"
        customers = [{"id": "acme", "name": "Acme", "domains": ["acme.example"], "webhook": {"url": url}}]
        settings = {"webhooks": {"allow_networks": ["127.0.0.0/8", "::1/128"], "ca_file": hooks.certificate.cert}}
        async with running(tmp_path, customers=customers, settings=settings) as (gateway, _, _):
            for used in (899, 900, 901, 1000):
                gateway.alerts.limit("acme", "app", "credential", "recipients", "hour", used, 1000, gateway.clock())
            got = await hooks.until(2)
            bodies = sorted((json.loads(each.body)["data"] for each in got), key=lambda data: data["level"])
            assert bodies == [
                {"customer": "acme", "credential": "app", "scope": "credential", "measure": "recipients",
                 "window": "hour", "window_seconds": 3600, "level": level, "used": used, "cap": 1000}
                for level, used in ((90, 900), (100, 1000))
            ]  # fmt: skip
            await until(lambda: len(gateway.stores.outbox.list(status="delivered")) == 2)
