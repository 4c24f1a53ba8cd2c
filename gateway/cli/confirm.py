"""Asking before an act that concerns everything there is: an empty filter must not hit everybody unseen."""

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from gateway.cli.context import fail

P = ParamSpec("P")
R = TypeVar("R")


def yes_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--yes`; the command gets `yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask, where it concerns all there are.")(function)


def confirm(question: str, yes: bool) -> None:
    """Ask, unless `yes`. Ends the command with status 1 when the answer is no, and 2 where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here: give --yes. Nothing was changed", 2)
    if not click.confirm(question, err=True):
        fail("nothing was changed")
