"""The bar is for terminals only, and never goes back."""

import io
import sys

import pytest

from gateway.cli.bar import bar


class Terminal(io.StringIO):
    """Standard error of somebody who watches."""

    def isatty(self) -> bool:
        return True


def test_nobody_is_shown_a_bar_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with bar("reading") as step:
        assert step is None


def test_a_terminal_is_shown_what_is_done_and_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with bar("reading") as step:
        assert step is not None
        for part in (0.5, 0.25, 1.0, 2.0):
            step("consents", part)
    shown = terminal.getvalue()
    assert "reading" in shown
    assert "consents" in shown
    assert "50%" in shown
    assert "100%" in shown
    assert "25%" not in shown
