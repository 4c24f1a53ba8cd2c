"""A command that is forked ends as the console script does."""

import subprocess
from pathlib import Path

import pytest

from tests.rig.commands import Commands
from tests.rig.postern import ACME, POSTERN, Postern


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Postern(tmp_path_factory.mktemp("gw"), 1, customers=[ACME]).prepare().folder


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["customers", "list", "--json"], 0),
        (["customers", "show", "nobody"], 1),
        (["audit", "search", "--rule", "NO-SUCH"], 1),
        (["rules", "--no-such-option"], 2),
        (["no-such-command"], 2),
        (["--version"], 0),
        (["customers", "list", "--config", "none.toml"], 2),
    ],
)
def test_status_and_output_are_those_of_the_console_script(folder: Path, arguments: list[str], status: int) -> None:
    commands = Commands()
    try:
        forked = commands.run(arguments, folder, 60)
    finally:
        commands.close()
    script = subprocess.run([POSTERN, *arguments], capture_output=True, text=True, timeout=120, cwd=folder)
    assert (forked.returncode, forked.stdout, forked.stderr) == (script.returncode, script.stdout, script.stderr)
    assert forked.returncode == status


def test_the_environment_is_that_of_the_moment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands()
    try:
        assert commands.run(["customers", "list"], folder, 60).returncode == 0
        monkeypatch.setenv("POSTERN_REGISTRY__URL", "sqlite:///elsewhere/none.db")
        assert "elsewhere" in commands.run(["customers", "list"], folder, 60).stderr
    finally:
        commands.close()
