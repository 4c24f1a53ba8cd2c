"""Guessing passwords: how many guesses a minute get through, and that customers get in meanwhile.

Pauses are a hundredth of what they are, so that a minute of an attack passes in 0.6 s. What is counted has no part in
that: failures are forgotten by the gateway's clock, which stands still.
"""

import asyncio
import base64
import itertools
from pathlib import Path

import pytest

from gateway.app import Gateway
from gateway.smtp import backoff
from tests.rig.gateway import decisions, running
from tests.rig.talk import Talk

FASTER = 100
MINUTE = 60 / FASTER


@pytest.fixture(autouse=True)
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LONGEST", backoff.LONGEST / FASTER)
    monkeypatch.setattr(backoff, "_FIRST", backoff._FIRST / FASTER)


def guess(username: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode()


class Attack:
    """Connections from one address that guess without end, each as fast as it is let."""

    def __init__(self, gateway: Gateway, connections: int, address: str) -> None:
        self._gateway, self._connections, self._address = gateway, connections, address
        self._numbers = itertools.count()
        self.judged = self.busy = 0

    async def __aenter__(self) -> "Attack":
        at = (self._address, 0)
        self._talks = [await Talk.to(self._gateway.smtp_addresses[0], local_addr=at) for _ in range(self._connections)]
        for talk in self._talks:
            await talk.ask("EHLO guess.example")
        self._tasks = [asyncio.create_task(self._guess(talk)) for talk in self._talks]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for talk in self._talks:
            talk.writer.transport.abort()

    async def _guess(self, talk: Talk) -> None:
        while True:
            reply = await talk.ask(guess("acme-app", f"guess {next(self._numbers)}"))
            assert reply in (
                "535 5.7.8 Authentication credentials invalid",
                "454 4.7.0 Too many authentications at once; try again later",
            )
            self.judged += reply.startswith("535")
            self.busy += reply.startswith("454")


@pytest.mark.parametrize(("connections", "most"), [(1, 20), (20, 290)])
async def test_guesses_that_get_through_in_a_minute(tmp_path: Path, connections: int, most: int) -> None:
    async with running(tmp_path) as (gateway, _, __):
        async with Attack(gateway, connections, "127.0.0.9") as attack:
            await asyncio.sleep(MINUTE)
            assert 1 <= attack.judged <= most
            assert attack.busy == 0


async def test_a_crowd_from_one_address_gets_no_more_through_than_its_share(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        async with Attack(gateway, 100, "127.0.0.9") as attack:
            await asyncio.sleep(MINUTE)
            assert attack.judged <= 32 * 14
            assert attack.busy


@pytest.mark.parametrize("address", ["127.0.0.9", "127.0.0.1"])
async def test_a_customer_gets_in_at_once_from_the_attackers_address_and_from_another(
    tmp_path: Path, address: str
) -> None:
    async with running(tmp_path) as (gateway, _, __):
        async with Attack(gateway, 20, "127.0.0.9"):
            await asyncio.sleep(MINUTE)
            loop = asyncio.get_running_loop()
            for number in range(5):
                talk = await Talk.to(gateway.smtp_addresses[0], local_addr=(address, 0))
                began = loop.time()
                assert (await talk.login()).startswith("235 ")
                took = loop.time() - began
                if number:  # the first waits like everybody; the password is remembered then
                    assert took < backoff.LONGEST
                talk.writer.close()


async def test_a_burst_of_failures_stands_in_the_audit_and_in_metrics(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO guess.example")
        for number in range(5):
            await talk.ask(guess("acme-app", f"guess {number}"))
        await talk.ask(guess("nobody", "guess"))
        await talk.ask("AUTH PLAIN")
        assert (await talk.ask("*")) == "501 5.7.0 Authentication cancelled"
        talk.writer.close()
        text = gateway.metrics.text().decode()
        assert 'postern_auth_total{result="wrong"} 6.0' in text
        assert 'postern_strangers_refused_total{reason="AUTH-BAD"} 6.0' in text
        await gateway.stop()
        (record,) = decisions(gateway, kind="refused")
        assert record["counts"] == [
            {"client": "127.0.0.1", "reason": "AUTH-BAD", "customer": "acme", "count": 5},
            {"client": "127.0.0.1", "reason": "AUTH-BAD", "count": 1},
        ]


async def test_who_hangs_up_while_it_waits_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LONGEST", 600.0)
    monkeypatch.setattr(backoff, "_FIRST", 600.0)
    async with running(tmp_path) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO guess.example")
        await talk.ask(guess("acme-app", "one"))
        talk.writer.write(guess("acme-app", "two").encode() + b"\r\n")
        places = gateway.edge.authenticator._by_address
        async with asyncio.timeout(60):
            while not places.taken:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            talk.writer.transport.abort()
            while places.taken:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert 'postern_auth_total{result="wrong"} 1.0' in gateway.metrics.text().decode()
