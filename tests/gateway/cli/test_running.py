"""gateway/cli/running.py: what it says where no gateway can be asked. What it answers: test_limits, test_clusters."""

from pathlib import Path

import pytest

from tests.rig.cli import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


@pytest.mark.parametrize("command", [("limits", "show"), ("clusters", "list")])
def test_without_a_token_it_says_how_to_get_one(desk: Desk, command: tuple[str, ...]) -> None:
    result = desk.run(*command, "brand")
    assert (result.exit_code, "postern token create --role auditor" in result.stderr) == (2, True)


@pytest.mark.parametrize(("command", "noun"), [(("limits", "show"), "limits"), (("clusters", "list"), "clusters")])
def test_a_gateway_that_does_not_run_is_named(desk: Desk, command: tuple[str, ...], noun: str) -> None:
    file = desk.folder / "postern.toml"
    file.write_text(f'{file.read_text()}[http]\naddress = "127.0.0.1:1"\n')
    (desk.folder / "token").write_text("postern_x")
    result = desk.run(*command, "brand", "--token-file", str(desk.folder / "token"))
    assert result.exit_code == 2
    assert f"http://127.0.0.1:1/api/v1/customers/brand/{noun}" in result.stderr
    assert "is `postern serve` running" in result.stderr
