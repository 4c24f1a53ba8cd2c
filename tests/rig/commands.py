"""Commands of `postern`, each in a process of its own that is forked from one which has imported them all.

They are what the console script runs, with the same arguments, folder, environment and end; what is saved is a second
of CPU for the imports of each, and the tests run hundreds. What serves is not started this way.
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.rig.processes import RigError

ROOT = Path(__file__).parents[2]
SERVING = frozenset({"serve", "demo", "sink"})
"""Commands that are not run here."""


class Commands:
    """The process that has imported them. Thread-safe; it starts when it is first asked, and ends with us."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def run(self, arguments: Sequence[str], folder: Path, timeout: float) -> "subprocess.CompletedProcess[str]":
        """Run one; raises subprocess.TimeoutExpired."""
        with tempfile.TemporaryDirectory(prefix="postern-command-") as kept, self._one_at_a_time:
            out, err = Path(kept) / "out", Path(kept) / "err"
            asked = {"arguments": arguments, "folder": str(folder), "out": str(out), "err": str(err)}
            status = self._ask(asked | {"environment": dict(os.environ)}, timeout)
            return subprocess.CompletedProcess(["postern", *arguments], status, out.read_text(), err.read_text())

    def _ask(self, asked: dict[str, Any], timeout: float) -> int:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.rig.commands"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                text=True,
            )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                self.close()
                raise subprocess.TimeoutExpired(asked["arguments"], timeout)
        answer = process.stdout.readline()
        if not answer:
            raise RigError("the process that runs commands has ended")
        return int(answer)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _asked() -> dict[str, Any]:
    """In a process of its own: what it is to run. The one that forks it never comes back from here."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            asked: dict[str, Any] = json.loads(line)
            return asked
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    # Nobody asks any more.
    sys.exit()


def _become(asked: dict[str, Any]) -> None:
    """Stand where the console script would stand."""
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    for number, path in enumerate((os.devnull, asked["out"], asked["err"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)


def main() -> None:
    """Import all commands, then run each that is asked for."""
    from gateway import cli

    for name in set(cli.main.list_commands(None)) - SERVING:  # type: ignore[arg-type]
        import_module(f"gateway.cli.{name}")
    asked = _asked()
    _become(asked)
    # An end as any process has it: exit handlers run, threads are waited for.
    cli.main(asked["arguments"], prog_name="postern")


if __name__ == "__main__":
    main()
