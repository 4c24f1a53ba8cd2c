"""SIGHUP, as a tool that renews certificates sends it: to one process, and to a supervisor with two workers."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.rig.certificate import serial_at, write
from tests.rig.postern import Postern
from tests.rig.processes import wait_until
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client
from tests.rig.workers import served, workers_of

ENVELOPE = ("ann@nets.example", "bob@recipient.example")
FOREIGN = b"From: ann@elsewhere.example\r\n\r\nx\r\n"


@contextmanager
def installation(folder: Path, workers: int) -> Iterator[tuple[Postern, Sink]]:
    """With a certificate, and a policy file that changes nothing."""
    folder.mkdir()
    write(folder, 1)
    (folder / "policy.toml").write_text("")
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        settings: dict[str, Any] = {"policy_file": "policy.toml"}
        if workers:
            postern = stack.enter_context(served(folder, sink.port, workers=workers, **settings))
        else:
            postern = stack.enter_context(Postern(folder, sink.port, settings=settings))
            postern.wait_ready()
        yield postern, sink


def change(postern: Postern, **values: Any) -> None:
    """Write other settings."""
    path = postern.folder / "postern.toml"
    path.write_text(tomlkit.dumps({**tomlkit.parse(path.read_text()), **values}))


def hang_up(postern: Postern, says: str) -> None:
    """SIGHUP, until the log says what came of it once more."""
    before = postern.process.log_text().count(says)
    postern.process.send(signal.SIGHUP)
    wait_until(lambda: postern.process.log_text().count(says) > before, 60, f"SIGHUP: {says}")


def foreign(client: Client) -> str:
    return client.message(FOREIGN, *ENVELOPE)[:3]


def with_tls(postern: Postern) -> None:
    """Restart it with STARTTLS on its listener."""
    listener = {
        "address": f"127.0.0.1:{postern.port}",
        "tls": "starttls",
        "cert_file": "cert.pem",
        "key_file": "key.pem",
    }
    change(postern, smtp={"listeners": [listener]})
    postern.process.stop()
    postern.start()
    postern.wait_ready()


@pytest.mark.parametrize("workers", [0, 2])
def test_policy_and_certificates_are_reread_and_open_sessions_go_on(tmp_path: Path, workers: int) -> None:
    with installation(tmp_path / "gw", workers) as (postern, sink):
        with_tls(postern)
        pids = workers_of(postern.process.pid)
        with Client(postern.port) as client:
            assert foreign(client) == "550"
            client.envelope(*ENVELOPE)
            (postern.folder / "policy.toml").write_text('[actions]\nID-FROM = "off"\n')
            write(postern.folder, 2)
            hang_up(postern, "reloaded: policy hash")
            client.content(FOREIGN)
            assert client.reply().startswith("550 "), "a transaction keeps the policy it began with"
            assert foreign(client) == "250"
        assert {serial_at(postern.port) for _ in range(8)} == {2}
        assert workers_of(postern.process.pid) == pids
        acts = [each for each in postern.search("--kind", "action") if each["act"] == "reload"]
        assert [each["process"] for each in acts] == ["gateway"]
        digest = acts[0]["details"]["policy"]
        assert f"reloaded: policy hash {digest}" in postern.process.log_text()
        assert {each["policy"] for each in postern.search("--verdict", "accept")} == {digest}
        assert postern.verify().status == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_wrong_or_cannot_change_leaves_everything_as_it_was(tmp_path: Path, workers: int) -> None:
    with installation(tmp_path / "gw", workers) as (postern, sink):
        good = (postern.folder / "postern.toml").read_text()
        policy = postern.folder / "policy.toml"
        policy.write_text('[actions]\nID-FROM = "off"\n')
        change(postern, hostname="other.example")
        hang_up(postern, "nothing is changed: hostname: cannot change while the gateway runs: restart it")
        (postern.folder / "postern.toml").write_text("hostname =")
        hang_up(postern, "not valid TOML")
        (postern.folder / "postern.toml").write_text(good)
        policy.write_text('[actions]\nNO-SUCH = "off"\n')
        hang_up(postern, "NO-SUCH")
        with Client(postern.port) as client:
            assert foreign(client) == "550"
        assert 'postern_reloads_total{result="refused"} 3.0' in postern.get("/metrics")[1]
        assert [each for each in postern.search("--kind", "action") if each["act"] == "reload"] == []


@pytest.mark.parametrize("workers", [0, 2])
def test_mail_is_accepted_throughout_many_reloads(tmp_path: Path, workers: int) -> None:
    with installation(tmp_path / "gw", workers) as (postern, sink), Sink() as other:
        stop, replies = threading.Event(), list[str]()

        def submit() -> None:
            while not stop.is_set():
                with Client(postern.port) as client:
                    replies.append(client.message(b"From: ann@nets.example\r\n\r\nx\r\n", *ENVELOPE)[:3])

        submitting = threading.Thread(target=submit)
        submitting.start()
        for turn in range(6):
            hop = {"name": "default", "addresses": [f"127.0.0.1:{(other, sink)[turn % 2].port}"]}
            change(postern, next_hops=[hop])
            hang_up(postern, "settings changed: next_hops[0].addresses")
        stop.set()
        submitting.join(20)
        assert set(replies) == {"250"}
        assert len(sink.arrivals()) + len(other.arrivals()) == len(replies)
        assert sink.arrivals() and other.arrivals()


def test_systemd_is_told_of_start_reload_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with installation(tmp_path / "gw", 2) as (postern, _):
            assert manager.recv(1000).startswith(b"READY=1\nSTATUS=ready: policy ")
            postern.process.send(signal.SIGHUP)
            assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(1000).startswith(b"READY=1\nSTATUS=ready: policy ")
            change(postern, hostname="other.example")
            postern.process.send(signal.SIGHUP)
            assert manager.recv(1000).startswith(b"RELOADING=1")
            assert manager.recv(1000).startswith(b"READY=1\nSTATUS=ready: reload refused: hostname")
            postern.process.send(signal.SIGTERM)
            assert manager.recv(1000).startswith(b"STOPPING=1")
