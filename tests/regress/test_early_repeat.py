"""A client that hangs up and sends again at once; writes to the registry that overtake each other."""

import threading
from pathlib import Path

import pytest

from gateway.repeats import Repeats
from gateway.stores import Stores
from tests.rig.gateway import Clock, decisions, running, settings_for
from tests.rig.smtpd import Later
from tests.rig.talk import CLEAN, Talk

DIGEST = b"d" * 32


async def _ready_for_data(address: str) -> Talk:
    talk = await Talk.to(address)
    await talk.login()
    await talk.up_to_data()
    return talk


async def test_a_repeat_that_comes_before_the_first_copy_is_answered_is_put_off(tmp_path: Path) -> None:
    # The first copy was still at the next hop, so nothing was known of it, and the second made a duplicate.
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", Later(1.0))
        first, again = [await _ready_for_data(gateway.smtp_addresses[0]) for _ in range(2)]
        first.writer.write(CLEAN)
        await hop.until(lambda: bool(gateway.repeats._on_the_way))
        first.writer.close()
        await hop.until(lambda: any(session._ended for session in gateway.edge._sessions))
        assert (await again.ask(CLEAN)).startswith("451 4.4.1 Your first copy")
        await hop.until(lambda: bool(gateway.repeats._known))
        await again.up_to_data()
        reply = await again.ask(CLEAN)
        again.writer.close()
        assert len(hop.accepted) == 1
    outcomes = {each["outcome"]["outcome"]: each for each in decisions(gateway)}
    assert set(outcomes) == {"accepted", "deferred", "repeat"}
    reference = outcomes["accepted"]["reference"]
    assert reply == f"250 2.0.0 Accepted already; ref {reference}"
    assert outcomes["deferred"]["outcome"]["repeat_of"] == reference
    assert outcomes["deferred"]["outcome"]["told"]


async def test_two_clients_may_send_the_same_at_the_same_time(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", Later(0.5))
        one, other = [await _ready_for_data(gateway.smtp_addresses[0]) for _ in range(2)]
        one.writer.write(CLEAN)
        await hop.until(lambda: bool(gateway.repeats._on_the_way))
        assert (await other.ask(CLEAN)).startswith("250 2.0.0 Accepted; ")
        assert (await one.reply()).startswith("250 2.0.0 Accepted; ")
        for talk in (one, other):
            talk.writer.close()
        assert len(hop.accepted) == 2


async def test_what_is_forgotten_stays_forgotten_however_slow_the_registry_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two threads wrote: the row was put after it had been deleted, and stood for five days, to swallow a message.
    stores, may_put = Stores.open(settings_for(tmp_path, "127.0.0.1:1")), threading.Event()
    put = stores.repeats.put

    def slow(*values: object) -> None:
        may_put.wait(10)
        put(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(type(stores.repeats), "put", lambda self, *values: slow(*values))
    repeats = Repeats(stores.repeats, Clock())
    repeats.remember("acme", DIGEST, "REF")
    repeats.forget("acme", DIGEST)
    may_put.set()
    await repeats.close()
    assert [each.heard for each in stores.repeats.changed_since(0)[1]] == [True]
    stores.close()
