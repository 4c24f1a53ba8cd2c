"""Two gateways on one Redis: what one counts, the other knows; and both go on without it."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import new_id
from gateway.usage import LedgerAway
from tests.rig.gateway import running
from tests.rig.redis import RedisServer
from tests.rig.redis import running as redis
from tests.rig.talk import CLEAN, Talk

MAIL = "MAIL FROM:<ann@acme.example>"
TOO_MANY = "450 4.7.0 Too many connections of this account; close some and try again"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis() as started:
        yield started


async def test_connections_and_failures_are_counted_together_and_mail_goes_on_without_redis(
    server: RedisServer, tmp_path: Path
) -> None:
    settings = {"ledger": {"url": server.url, "nodes": 2}, "limits": {"connections_per_customer": 2}}
    async with running(tmp_path / "a", settings=settings) as (one, hop, _):
        async with running(tmp_path / "b", hop=hop, settings=settings) as (other, __, ___):
            talks = [await Talk.to(gateway.smtp_addresses[0]) for gateway in (one, other, other)]
            for talk in talks:
                assert (await talk.login()).startswith("235 ")
            assert [(await talk.ask(MAIL))[:4] for talk in talks] == ["250 ", "250 ", "450 "]
            assert await talks[0].ask("QUIT") == "221 2.0.0 Bye"
            assert await talks[0].closed()
            assert (await talks[2].ask(MAIL)).startswith("250 ")

            guesser = await Talk.to(one.smtp_addresses[0], local_addr=("127.0.0.9", 0))
            await guesser.ask("EHLO guess.example")
            await guesser.ask("AUTH PLAIN " + base64.b64encode(b"\0acme-app\0wrong").decode())
            slowed: list[float] = []
            judged = other.edge.authenticator._backoff.failures

            async def watched(attempt: object) -> float:
                slowed.append(await judged(attempt))  # type: ignore[arg-type]
                return 0.0

            setattr(other.edge.authenticator._backoff, "failures", watched)  # noqa: B010
            second = await Talk.to(other.smtp_addresses[0], local_addr=("127.0.0.9", 0))
            await second.ask("EHLO guess.example")
            await second.ask("AUTH PLAIN " + base64.b64encode(b"\0acme-app\0wrong too").decode())
            assert len(slowed) == 1
            assert 0 < slowed[0] <= 1, "one, a moment ago"

            server.kill()
            late = await Talk.to(one.smtp_addresses[0])
            assert (await late.login()).startswith("235 ")
            await late.up_to_data()
            assert (await late.ask(CLEAN)).startswith("250 2.0.0 Accepted")
            one.trouble()
            text = one.metrics.text().decode()
            assert 'postern_healthy{part="ledger"} 0.0' in text
            assert 'postern_alarms_total{part="ledger"} 1.0' in text
            for talk in (*talks, guesser, second, late):
                talk.writer.transport.abort()


async def test_a_campaign_over_two_gateways_is_one_cluster_and_stays_it_without_redis(tmp_path: Path) -> None:
    advert = Fingerprint(tuple(range(1000, 1040)))
    with redis() as server:
        settings = {"ledger": {"url": server.url, "nodes": 2}}
        async with running(tmp_path / "a", settings=settings) as (one, hop, _):
            async with running(tmp_path / "b", hop=hop, settings=settings) as (other, __, ___):
                ids = []
                for number, gateway in enumerate((one, other, one, other)):
                    placed = await gateway.clusters.place("acme", advert, [f"r{number}"], fresh=new_id())
                    gateway.clusters.reached("acme", placed.cluster, [f"r{number}"])
                    await gateway.clusters.close()
                    ids.append(placed.cluster)
                assert len(set(ids)) == 1
                assert [each.reach.day for each in await other.grown("acme")] == [4]
                assert one.edge.pipeline.clusters is one.clusters
                server.kill()
                placed = await other.clusters.place("acme", advert, fresh=new_id())
                assert (placed.cluster, placed.reach.day) == (ids[0], 2 * 2)
                with pytest.raises(LedgerAway):
                    await other.grown("acme")
