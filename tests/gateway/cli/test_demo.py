"""`postern demo`: the demonstration set, its table, and one's own message."""

import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from gateway.cli.demo import TRIES, Try, _sent
from tests.gateway.cli.conftest import refused, run
from tests.rig.postern import POSTERN, USUAL_PORTS
from tests.rig.processes import Process, alone, wait_until

EXPECTED = [
    ("clean", "250 2.0.0", "-", "-"),
    ("two From fields", "554 5.6.0", "HDR-FROM", "MOD-2.5b"),
    ("foreign From", "550 5.7.1", "ID-FROM", "MOD-2.5b"),
    ("unauthenticated", "530 5.7.0", "AUTH-REQ", "MOD-2.5a"),
    ("bare LF (smuggling)", "554 5.6.0", "BARE-LF", "MOD-2.5b"),
    ("oversize", "552 5.3.4", "SIZE", "MOD-2.6"),
    ("suspended customer", "550 5.7.1", "CUSTOMER-SUSPENDED", "MOD-8"),
    ("bulk, consent on file", "250 2.0.0", "-", "-"),
    ("bulk, no consent", "550 5.7.1", "NO-CONSENT", "MOD-2.1h"),
    ("bulk, no way to leave", "550 5.7.0", "CONTENT-UNSUB", "MOD-2.1j"),
]


def rows(text: str) -> list[tuple[str, str, str, str]]:
    """The table: what was sent, code and enhanced code, rule, clause."""
    found = []
    for line in text.split("\n\n")[0].splitlines()[2:]:
        sent, reply, rule, clause = (cell.strip() for cell in line.replace("  ", "\0").split("\0") if cell.strip())
        found.append((sent, " ".join(reply.split()[:2]), rule, clause))
    return found


def once(folder: Path) -> str:
    """What `postern demo --once` prints; its status is 0."""
    done = subprocess.run([POSTERN, "demo", "--once", "--folder", folder], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_shows_what_it_should_twice_and_beside_others(tmp_path: Path) -> None:
    with alone(USUAL_PORTS), socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 2525))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        text = ""
        for turn in (1, 2):
            text = once(tmp_path / "demo")
            assert rows(text) == EXPECTED
            assert f"forwarded  {2 * turn} file(s) in {tmp_path}/demo/sink" in text
            assert "chain intact" in text
            assert "--server 127.0.0.1:2525 " not in text
    (search,) = (line.strip() for line in text.splitlines() if "audit search" in line)
    assert run(*shlex.split(search)[1:]).stdout.count("HDR-FROM") == 2
    assert run("audit", "verify", "--config", tmp_path / "demo/postern.toml").exit_code == 0


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_the_line_for_ones_own_message_works_when_pasted(tmp_path: Path) -> None:
    demo = Process([POSTERN, "demo", "--folder", tmp_path / "demo"], tmp_path / "log")
    with alone(USUAL_PORTS), demo.start():
        wait_until(lambda: "up until Ctrl-C" in demo.log_text() or not demo.running, 120, "the demonstration is up")
        line = next(line.strip() for line in demo.log_text().splitlines() if line.strip().startswith("swaks "))
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout
        assert "250 2.0.0 Accepted" in done.stdout
        assert "This is a test mailing" in (tmp_path / "demo/sink/00003.eml").read_text()
        again = subprocess.run(
            [POSTERN, "demo", "--once", "--folder", tmp_path / "demo"], capture_output=True, text=True, timeout=30
        )
        assert again.returncode == 2
        assert "another process writes the audit journal" in again.stderr
        demo.send(signal.SIGINT)
        child = demo._child
        assert child is not None
        assert child.wait(10) == 0
    assert "Traceback" not in demo.log_text()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(run("demo", "--once", "--folder", tmp_path / "file/demo"), "file/demo", "Not a directory")


def test_a_reply_that_does_not_come_is_told() -> None:
    def gone(host: str, port: int) -> str:
        raise ConnectionResetError("reset")

    assert _sent(Try("x", "", gone), "127.0.0.1", 1) == "no reply: ConnectionResetError: reset"
    assert [each.title for each in TRIES] == [row[0] for row in EXPECTED]
