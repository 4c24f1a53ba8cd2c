"""The command itself: help, version, and what it makes of wrong use."""

import subprocess
import sys

import pytest

from gateway.cli import _COMMANDS
from tests.gateway.cli.conftest import run
from tests.rig.postern import POSTERN

GROUPS = {
    "customers": ("apply", "list", "show", "suspend", "resume"),
    "lists": ("list", "show", "add", "lower"),
    "notices": ("add", "list", "show"),
    "credentials": ("list", "create", "lock", "unlock", "rotate", "remove"),
    "exempt": ("add", "list", "remove"),
    "domains": ("add", "list", "check", "remove"),
    "limits": ("show",),
    "clusters": ("list", "label"),
    "dkim": ("create", "show", "rotate", "remove"),
    "parties": ("list", "show", "add"),
    "consent": (
        "import", "show", "withdraw", "export", "erase", "verify", "check", "proof", "formats", "suppress", "lift",
        "suppressions",
    ),
    "relationships": ("add", "list"),
    "unsubscribe": ("links",),
    "webhooks": ("list", "retry", "test", "secret"),
    "token": ("create", "list", "revoke"),
    "audit": ("search", "explain", "findings", "verify"),
}  # fmt: skip


def test_help_names_every_command_and_imports_none() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(f"  {name} " in result.stdout for name in _COMMANDS)
    heavy = (
        "import sys, gateway.cli; sys.exit(any(each in sys.modules for each in ('pydantic', 'sqlalchemy', 'fastapi')))"
    )
    assert subprocess.run([sys.executable, "-c", heavy]).returncode == 0


def test_the_names_that_are_fixed() -> None:
    assert set(_COMMANDS) == {"serve", "check", "rules", "sink", "demo", *GROUPS}
    for name in _COMMANDS:
        assert run(name, "--help").exit_code == 0
    for group, names in GROUPS.items():
        text = run(group, "--help").stdout
        for name in names:
            assert f"\n  {name} " in text
            assert "Usage:" in run(group, name, "-h").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("sevre",),
        ("serve", "--confg", "x"),
        ("audit", "verfy"),
        ("audit", "search", "--config"),
        ("check",),
        ("token", "create"),
    ],
)
def test_wrong_use_is_2_and_says_what(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert result.stdout == ""


def test_it_is_installed_as_a_command() -> None:
    done = subprocess.run([POSTERN, "--version"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("postern, version ")
    assert subprocess.run([POSTERN, "sevre"], capture_output=True, timeout=120).returncode == 2
