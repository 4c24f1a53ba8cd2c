"""A progress bar on the terminal, for whoever watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Step = Callable[[str, float], None]
"""(what is being done, how much of the whole is done, 0 to 1); it never goes back."""

_STEPS = 1000
_WIDTH = 18


@contextmanager
def bar(label: str) -> Iterator[Step | None]:
    """A bar on standard error while the block runs; None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    shown = 0
    with click.progressbar(length=_STEPS, label=f"{label:<{_WIDTH}}", file=sys.stderr) as drawn:

        def step(doing: str, part: float) -> None:
            nonlocal shown
            reached = max(shown, min(_STEPS, int(part * _STEPS)))
            drawn.label = f"{doing:<{_WIDTH}}"
            drawn.update(reached - shown)
            shown = reached

        yield step
