"""`postern limits`: of a gateway that runs, of Redis, and what it says where neither can be asked."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.cli.context import utc_now
from gateway.ledger.charges import Charge, Reservation
from gateway.ledger.model import key
from gateway.ledger.redis import RedisLedger
from tests.rig.cli import Desk
from tests.rig.gateway import running
from tests.rig.redis import running as redis


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    customers = tmp_path / "customers.toml"
    customers.write_text(customers.read_text() + "[customers.limits]\nrecipients_per_hour = 7\n")
    made.done("customers", "apply", made.customers)
    return made


def at(desk: Desk, key: str, text: str) -> None:
    """Put a section into postern.toml."""
    file = desk.folder / "postern.toml"
    file.write_text(f"{file.read_text()}[{key}]\n{text}\n")


def test_of_memory_the_gateway_is_asked_and_without_a_token_it_says_how(desk: Desk) -> None:
    result = desk.run("limits", "show", "brand")
    assert result.exit_code == 2
    assert "--token-file" in result.stderr
    assert "postern token create --role auditor" in result.stderr


def test_nobody_is_asked_of_a_customer_there_is_not(desk: Desk) -> None:
    result = desk.run("limits", "show", "brnd")
    assert (result.exit_code, "did you mean 'brand'?" in result.stderr) == (1, True)


def test_a_gateway_that_does_not_run_is_named(desk: Desk, tmp_path: Path) -> None:
    at(desk, "http", 'address = "127.0.0.1:1"')
    (tmp_path / "token").write_text("postern_x")
    result = desk.run("limits", "show", "brand", "--token-file", str(tmp_path / "token"))
    assert result.exit_code == 2
    assert "http://127.0.0.1:1/api/v1/customers/brand/limits" in result.stderr
    assert "is `postern serve` running" in result.stderr


async def test_the_figures_of_a_running_gateway(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    async with running(tmp_path) as (gateway, _, __):
        at(desk, "http", f'address = "{gateway.http_address}"')
        _, token = gateway.stores.tokens.create("auditor", None, gateway.clock())

        def show(text: str, *more: str) -> Result:
            arguments = ["limits", "show", "acme", "--config", str(tmp_path / "postern.toml"), "--token-file", "-"]
            return CliRunner().invoke(main, [*arguments, *more], input=text)

        result = await asyncio.to_thread(show, f"{token}\n", "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert (found["customer"], found["limits"][0]["scope"], found["limits"][0]["cap"]) == ("acme", "report", 1000)
        table = (await asyncio.to_thread(show, token)).stdout
        assert table.split()[:9] == ["scope", "name", "measure", "window", "cap", "used", "room", "reset", "hard"]
        assert "report" in table
        of_bob = await asyncio.to_thread(show, token, "--recipient", "bob@recipient.example", "--source", "127.0.0.1")
        assert "recipient_by_all" in of_bob.stdout and "bob" not in of_bob.stdout
        for wrong_option in (("--source", "here"), ("--sender", "here")):
            refused = await asyncio.to_thread(show, token, *wrong_option)
            assert refused.exit_code in (1, 2) and refused.stderr
        wrong = await asyncio.to_thread(show, "postern_wrong")
        assert wrong.exit_code == 2
        assert "401: send 'Authorization" in wrong.stderr
        assert (await asyncio.to_thread(show, "\x00")).exit_code == 2


def test_redis_is_asked_itself_and_when_it_is_away_that_is_said(desk: Desk) -> None:
    with redis() as server:
        at(desk, "ledger", f'url = "{server.url}"')

        async def use() -> None:
            ledger = RedisLedger(
                server.url, processes=1, clock=lambda: utc_now().timestamp(), alarm=lambda part, text: None
            )
            counter = key("customer.recipients", "customer", "brand")
            taken = await ledger.reserve(Charge(counter, 5, ((3600, 7),)))
            assert isinstance(taken, Reservation)
            ledger.settle(taken)
            await ledger.close()

        asyncio.run(use())
        found = json.loads(desk.done("limits", "show", "brand", "--json"))["limits"]
        (row,) = [each for each in found if each["scope"] == "customer"]
        assert (row["cap"], row["used"], row["room"], row["reset"]) == (7, 5, 2, 0)
        server.kill()
        result = desk.run("limits", "show", "brand")
        assert (result.exit_code, "Redis" in result.stderr) == (2, True)
