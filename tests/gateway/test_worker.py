"""A worker does what its supervisor asks, tells why it cannot, and ends when it is told to or left alone."""

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest

from config.policy import Action, Policy
from gateway import worker as module
from gateway.channel import Answer, Question, Report, Task, receive, send
from gateway.worker import Worker
from tests.rig.gateway import Clock, running, settings_for
from tests.rig.smtpd import Smtpd


class Asker:
    """The supervisor's side of a worker that runs in the same loop."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, running: "asyncio.Task[None]"
    ) -> None:
        self.reader, self.writer, self.running = reader, writer, running

    @classmethod
    async def make(cls) -> "Asker":
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        running = asyncio.create_task(Worker("worker-1", reader, writer, Clock()).run())
        return cls(*await asyncio.open_connection(sock=ours), running)

    async def ask(self, verb: str, body: bytes = b"") -> Answer:
        await send(self.writer, Question(1, verb, body))
        answer = await receive(self.reader, Answer)
        assert answer is not None
        return answer


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """With a registry."""
    async with running(tmp_path):
        pass
    return tmp_path


async def test_it_begins_reports_changes_and_ends(folder: Path) -> None:
    async with Smtpd() as hop:
        settings, asker = settings_for(folder, hop.address), await Asker.make()
        assert (await asker.ask("begin", Task(settings, Policy()).packed())).error == ""
        report = msgspec.msgpack.decode((await asker.ask("report")).body, type=Report)
        assert report.trouble == []
        assert "postern_connections" in {family.name for family in report.metrics}
        assert (folder / "var/audit/worker-1/head").exists()
        assert (await asker.ask("refresh")).error == ""
        off = Policy(actions={"HDR-DATE": Action.OFF})
        assert (await asker.ask("prepare", Task(settings, off).packed())).error == ""
        assert (await asker.ask("commit")).error == ""
        report = msgspec.msgpack.decode((await asker.ask("report")).body, type=Report)
        assert ("postern_rule_off", {"rule": "HDR-DATE"}, 1.0) in [s for f in report.metrics for s in f.samples]
        assert (await asker.ask("stop")).error == ""
        await asker.running
        asker.writer.close()


async def test_why_it_cannot_is_told_in_the_operators_words(folder: Path) -> None:
    asker = await Asker.make()
    for verb, words in (("report", "has not begun"), ("commit", "has not begun"), ("dance", "has not begun")):
        assert words in (await asker.ask(verb)).error
    tls = {"address": "127.0.0.1:0", "tls": "implicit", "cert_file": "none.pem", "key_file": "none.pem"}
    wrong = settings_for(folder, "127.0.0.1:1", smtp={"listeners": [tls]})
    answer = await asker.ask("begin", Task(wrong, Policy()).packed())
    assert "cert_file or key_file cannot be used" in answer.error
    right = settings_for(folder, "127.0.0.1:1")
    assert (await asker.ask("begin", Task(right, Policy()).packed())).error == "", "and nothing was left open"
    assert "cert_file" in (await asker.ask("prepare", Task(wrong, Policy()).packed())).error
    assert "has prepared nothing" in (await asker.ask("commit")).error
    assert (await asker.ask("abandon")).error == ""
    assert "does not know 'dance'" in (await asker.ask("dance")).error
    await asker.ask("stop")
    await asker.running
    asker.writer.close()


async def test_it_ends_when_nobody_asks_any_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORPHAN_SECONDS", 0.1)
    async with Smtpd() as hop:
        asker = await Asker.make()
        await asker.ask("begin", Task(settings_for(folder, hop.address), Policy()).packed())
        asker.writer.close()
        await asyncio.wait_for(asker.running, 60)
