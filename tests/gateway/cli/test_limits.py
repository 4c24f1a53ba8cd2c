"""`postern limits`: of a gateway that runs, of Redis, and what it says where neither can be asked."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.rig.cli import Desk
from tests.rig.gateway import running


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
        wrong = await asyncio.to_thread(show, "postern_wrong")
        assert wrong.exit_code == 2
        assert "401: send 'Authorization" in wrong.stderr
        assert (await asyncio.to_thread(show, "\x00")).exit_code == 2
