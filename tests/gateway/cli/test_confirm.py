"""What concerns everything asks before it does it; a script that cannot be asked says --yes."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.cli import Desk

LOCK = ("credentials", "lock", "--all", "--reason", "x")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


def at_terminal(desk: Desk, answer: str) -> tuple[int, str]:
    """The command at a real terminal on which the answer is typed; its status and what it said on stderr."""
    operator, terminal = pty.openpty()
    command = [str(Path(sys.executable).with_name("postern")), *LOCK, "--config", str(desk.folder / "postern.toml")]
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        os.close(terminal)
        os.write(operator, answer.encode() + b"\n")
        _, said = run.communicate(timeout=120)
        os.close(operator)
        return run.returncode, said


def test_who_says_yes_does_it_and_who_says_no_changes_nothing(desk: Desk) -> None:
    status, said = at_terminal(desk, "n")
    assert (status, "Lock all 2 credentials of all customers?" in said) == (1, True)
    assert "nothing was changed" in said
    assert '"locked"' not in desk.done("credentials", "list", "--json")
    status, _ = at_terminal(desk, "y")
    assert status == 0
    assert desk.done("credentials", "list", "--json").count('"locked"') == 2


def test_where_nobody_can_be_asked_it_is_refused_and_yes_is_not_asked(desk: Desk) -> None:
    result = desk.run(*LOCK)
    assert (result.exit_code, "give --yes. Nothing was changed" in result.stderr) == (2, True)
    assert len(desk.records()) == 2
    desk.done(*LOCK, "--yes")
    assert len(desk.records()) == 4
