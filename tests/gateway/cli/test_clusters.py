"""`postern clusters`: of a gateway that runs, of Redis; labels are put, in the audit, and taken away."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from filters.fingerprint import Fingerprint
from gateway.cli import main
from gateway.cli.context import utc_now
from gateway.ledger.clusters_redis import RedisClusters
from gateway.ledger.redis import RedisLedger
from tests.rig.cli import Desk
from tests.rig.gateway import running
from tests.rig.redis import running as redis

ADVERT = Fingerprint(tuple(range(1000, 1040)))
ONE = "5f0c3a9d21b4e867"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


def at(desk: Desk, key: str, text: str) -> None:
    """Put a section into postern.toml."""
    file = desk.folder / "postern.toml"
    file.write_text(f"{file.read_text()}[{key}]\n{text}\n")


async def test_the_clusters_of_a_running_gateway(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    async with running(tmp_path) as (gateway, _, __):
        at(desk, "http", f'address = "{gateway.http_address}"')
        _, token = gateway.stores.tokens.create("auditor", None, gateway.clock())

        def list_(*more: str) -> Result:
            arguments = ["clusters", "list", "acme", "--config", str(tmp_path / "postern.toml"), "--token-file", "-"]
            return CliRunner().invoke(main, [*arguments, *more], input=token)

        empty = await asyncio.to_thread(list_)
        assert (empty.exit_code, "no clusters of several messages" in empty.stderr) == (0, True)
        for _ in range(2):
            await gateway.clusters.place("acme", ADVERT, fresh=ONE)
        gateway.clusters.reached("acme", ONE, ["ann", "bob"])
        gateway.labels.note_observed("acme", ONE, gateway.clock())
        await asyncio.gather(*gateway.labels._writing.values())
        found = json.loads((await asyncio.to_thread(list_, "--json")).stdout)
        (row,) = found["clusters"]
        assert (found["customer"], row["id"], row["messages"], row["day"], row["label"]) == (
            "acme", ONE, 2, 2, "observed",
        )  # fmt: skip
        table = (await asyncio.to_thread(list_)).stdout.splitlines()
        assert table[0].split()[:8] == [
            "id", "since", "last", "messages", "day", "month", "year", "label",
        ]  # fmt: skip
        assert table[2].split()[0] == ONE
        assert "observed" in table[2]


def test_redis_is_asked_itself_and_when_it_is_away_that_is_said(desk: Desk) -> None:
    with redis() as server:
        at(desk, "ledger", f'url = "{server.url}"')

        async def campaign() -> None:
            def clock() -> float:
                return utc_now().timestamp()

            ledger = RedisLedger(server.url, processes=1, clock=clock, alarm=lambda part, text: None)
            clusters = RedisClusters(ledger, processes=1, clock=clock)
            for _ in range(3):
                await clusters.place("brand", ADVERT, fresh=ONE)
            clusters.reached("brand", ONE, ["ann"])
            await clusters.close()
            await ledger.close()

        asyncio.run(campaign())
        desk.done("clusters", "label", "brand", ONE, "bulk", "--reason", "campaign")
        (row,) = json.loads(desk.done("clusters", "list", "brand", "--json"))["clusters"]
        assert (row["id"], row["messages"], row["year"], row["label"]) == (ONE, 3, 1, "bulk")
        assert "@" in row["by"]
        server.kill()
        away = desk.run("clusters", "list", "brand")
        assert (away.exit_code, "does not answer" in away.stderr) == (2, True)


def test_a_label_is_put_and_taken_away_and_the_audit_says_who(desk: Desk) -> None:
    told = desk.done("clusters", "label", "brand", ONE, "transactional", "--reason", "receipts,  ticket 4711")
    assert "is transactional; running nodes follow within 5 seconds" in told
    desk.done("clusters", "label", "brand", ONE, "none", "--reason", "no receipts")
    again = desk.run("clusters", "label", "brand", ONE, "none", "--reason", "no receipts")
    assert (again.exit_code, "no label to take away" in again.stderr) == (1, True)
    found = json.loads(desk.done("audit", "search", "--kind", "action", "--json"))
    ended, made = (each for each in found if each["act"] == "clusters label")
    assert (made["customer"], made["target"], made["reason"]) == ("brand", ONE, "receipts, ticket 4711")
    assert (made["details"], ended["details"]) == (
        {"label": "transactional", "before": None},
        {"label": None, "before": "transactional"},
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("brand", ONE, "bulk"), 2, "--reason"),
        (("brand", ONE, "bulk", "--reason", " "), 2, "a reason is required"),
        (("brand", ONE, "observed", "--reason", "x"), 2, "none"),
        (("brand", "advert", "bulk", "--reason", "x"), 2, "16 hexadecimal digits"),
        (("brnd", ONE, "bulk", "--reason", "x"), 1, "did you mean 'brand'?"),
    ],
)
def test_what_is_wrong_is_named(desk: Desk, arguments: tuple[str, ...], status: int, words: str) -> None:
    result = desk.run("clusters", "label", *arguments)
    assert (result.exit_code, words in result.stderr) == (status, True), result.stderr
