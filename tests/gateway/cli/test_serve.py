"""`postern serve`: what it prints, what it refuses to start with, how it stops."""

import asyncio
import signal
import socket
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from config.policy import Action, Policy
from config.settings import load_settings
from gateway.cli.serve import effective
from tests.gateway.cli.conftest import Installation, refused
from tests.rig.postern import Postern
from tests.rig.processes import wait_until
from tests.rig.smtpd import Later, Smtpd

Smtp = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Postern, Smtpd]]:
    """`postern serve` as a process, before a next hop of the test's own; open transactions get 2 seconds at its end."""
    async with Smtpd() as hop:
        postern = Postern(tmp_path / "installation", hop.port, settings={"limits": {"drain_timeout": 2}})
        await asyncio.to_thread(lambda: postern.prepare().start())
        try:
            yield postern, hop
        finally:
            await asyncio.to_thread(postern.process.stop)


async def connect(postern: Postern) -> Smtp:
    reader, writer = await asyncio.open_connection("127.0.0.1", postern.port)
    await reply(reader)
    writer.write(b"EHLO client.example\r\n")
    await reply(reader)
    return reader, writer


async def reply(reader: asyncio.StreamReader) -> str:
    while (line := await asyncio.wait_for(reader.readline(), 60))[3:4] == b"-":
        pass
    return line.decode()


async def say(smtp: Smtp, *lines: str) -> str:
    """The reply to the last of some commands."""
    answer = ""
    for line in lines:
        smtp[1].write(line.encode() + b"\r\n")
        answer = await reply(smtp[0])
    return answer


OPEN = ("MAIL FROM:<ann@nets.example>", "RCPT TO:<bob@recipient.example>")
MESSAGE = "From: ann@nets.example\r\n\r\nAt noon.\r\n."


async def ended(postern: Postern, seconds: float) -> int:
    """Its exit status, when it ends within so many seconds."""
    child = postern.process._child
    assert child is not None
    await asyncio.to_thread(wait_until, lambda: child.poll() is not None, seconds, "the gateway ends")
    return child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_what_it_does_and_ends_with_0(served: tuple[Postern, Smtpd], number: signal.Signals) -> None:
    postern, _ = served
    text = postern.process.log_text()
    assert text.startswith('# effective configuration\nhostname = "gw.example"\n')
    told = ["# switched off: nothing", f"SMTP listens on 127.0.0.1:{postern.port}\n",
            f"HTTP listens on 127.0.0.1:{postern.http_port}\n", "\nready\n"]  # fmt: skip
    await asyncio.to_thread(wait_until, lambda: "\nready\n" in postern.process.log_text(), 60, "ready")
    places = [postern.process.log_text().index(each) for each in told]
    assert places == sorted(places)
    postern.process.send(number)
    assert await ended(postern, 20) == 0
    assert "stopping" in postern.process.log_text()
    assert "Traceback" not in postern.process.log_text()


async def test_a_client_within_a_transaction_is_served_to_its_end(served: tuple[Postern, Smtpd]) -> None:
    postern, hop = served
    busy, waiting, idle = await connect(postern), await connect(postern), await connect(postern)
    hop.on("DOT", Later(0.3))
    assert (await say(busy, *OPEN, "DATA")).startswith("354")
    busy[1].write(MESSAGE.encode() + b"\r\n")
    assert (await say(waiting, *OPEN)).startswith("250")
    postern.process.send(signal.SIGTERM)
    assert (await reply(idle[0])).startswith("421 4.3.2")
    assert (await reply(busy[0])).startswith("250 2.0.0 Accepted")
    assert (await say(waiting, "DATA")).startswith("354")
    assert (await say(waiting, MESSAGE)).startswith("250 2.0.0 Accepted")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", postern.port)
    assert await ended(postern, 20) == 0
    assert len(hop.accepted) == 2
    assert [each["outcome"]["outcome"] for each in await asyncio.to_thread(postern.concluded, 2)] == ["accepted"] * 2
    for _, writer in (busy, waiting, idle):
        writer.close()


async def test_a_client_that_does_not_go_on_is_sent_away_in_time(served: tuple[Postern, Smtpd]) -> None:
    postern, hop = served
    stalled = await connect(postern)
    assert (await say(stalled, *OPEN, "DATA")).startswith("354")
    stalled[1].write(b"From: ann@nets")
    postern.process.send(signal.SIGTERM)
    assert (await reply(stalled[0])).startswith("421 4.3.2")
    assert await ended(postern, 20) == 0
    assert hop.accepted == []
    stalled[1].close()


async def test_a_second_gateway_on_the_same_folder_is_refused(served: tuple[Postern, Smtpd]) -> None:
    postern, _ = served
    text = (postern.folder / "postern.toml").read_text()
    other = text.replace(str(postern.port), "0").replace(str(postern.http_port), "0")
    (postern.folder / "other.toml").write_text(other)
    done = await asyncio.to_thread(postern.run, "serve", "--config", "other.toml")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "another process writes the audit journal" in line
    assert "stop it" in line
    assert postern.ready


async def test_commands_work_beside_it_and_act_on_open_sessions(served: tuple[Postern, Smtpd]) -> None:
    postern, _ = served
    session = await connect(postern)
    assert (await say(session, *OPEN)).startswith("250")
    await say(session, "RSET")
    await asyncio.to_thread(postern.command, "customers", "suspend", "nets", "--reason", "phishing")
    begun = time.monotonic()
    while not (answer := await say(session, *OPEN)).startswith("550 5.7.1"):
        await say(session, "RSET")
        assert time.monotonic() - begun < 60, answer
        await asyncio.sleep(0.1)
    session[1].close()


# What it does not start with


def damage(installation: Installation) -> None:
    """An audit whose last record is gone."""
    stores = installation.stores()
    stores.database.close()
    assert installation.run("customers", "suspend", "acme", "--reason", "x").exit_code == 0
    audit = installation.folder / "var/audit"
    (audit / "cli").rename(audit / "gateway")
    (segment,) = (audit / "gateway").glob("*.jsonl")
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]))


def change_secrets(installation: Installation) -> None:
    installation.secrets().path.unlink()


def file_for_folder(installation: Installation) -> None:
    (installation.folder / "taken").write_text("")
    installation.configure(data_dir="taken")


def no_certificate(installation: Installation) -> None:
    installation.configure(
        smtp={"listeners": [{"address": "127.0.0.1:0", "tls": "starttls", "cert_file": "c.pem", "key_file": "k.pem"}]}
    )


def readable_secrets(installation: Installation) -> None:
    installation.secrets().path.chmod(0o644)


def broken_toml(installation: Installation) -> None:
    installation.file.write_text("a =")


def with_settings(**changes: object) -> Callable[[Installation], None]:
    return lambda installation: installation.configure(**changes)


MISTAKES: list[tuple[str, Callable[[Installation], None], tuple[str, ...]]] = [
    ("no file", lambda installation: installation.file.unlink(), ("postern.toml: no such file", "--config")),
    ("no TOML", broken_toml, ("postern.toml: not valid TOML",)),
    ("unknown key", with_settings(data_dirr="var"), ("data_dirr: unknown key; did you mean 'data_dir'?",)),
    ("no policy", with_settings(policy_file="none.toml"), ("none.toml: cannot be read",)),
    ("data_dir is a file", file_for_folder, ("taken", "File exists")),
    ("other secrets", change_secrets, ("secrets", "fingerprint", "bring it back")),
    ("readable secrets", readable_secrets, ("chmod 600",)),
    ("damaged audit", damage, ("audit journal", "move it out of the audit directory")),
    ("no certificate", no_certificate, ("smtp.listeners 127.0.0.1:0", "cert_file")),
    ("no roots", with_settings(next_hops=[{"name": "d", "addresses": ["127.0.0.1:1"], "tls": "starttls", "ca_file": "r"}]),
     ("ca_file",)),
    ("PostgreSQL down", with_settings(registry={"url": "postgresql://postern:hush@127.0.0.1:1/x"}),
     ("registry postgresql://postern:***@127.0.0.1:1/x",)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), [each[1:] for each in MISTAKES], ids=[each[0] for each in MISTAKES])
def test_a_mistake_of_the_operators_is_told_in_one_line(
    installation: Installation, make: Callable[[Installation], None], words: tuple[str, ...]
) -> None:
    make(installation)
    assert "hush" not in refused(installation.run("serve"), *words)


@pytest.mark.parametrize("which", ["smtp", "http"])
def test_a_port_in_use_is_told(installation: Installation, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        listener = {"address": address, "auth_without_tls": True}
        installation.configure(**{which: {"listeners": [listener]} if which == "smtp" else {"address": address}})
        refused(installation.run("serve"), which, f"cannot listen on {address}", "ddress already in use")


def test_the_configuration_is_shown_without_secrets(installation: Installation) -> None:
    installation.configure(registry={"url": "postgresql://postern:hush@db.example/x"})
    policy = Policy(actions={"HDR-DATE": Action.OFF, "ID-FROM": Action.OBSERVE}, mode="observe")
    text = effective(load_settings(installation.file), policy)
    assert "hush" not in text
    assert f"# policy hash {policy.digest}" in text
    assert "# switched off: HDR-DATE\n" in text
    assert "# mode observe: nothing is refused by rule\n" in text
    shown = tomllib.loads(text)
    assert shown["registry"]["url"] == "postgresql://postern:***@db.example/x"
    assert shown["policy"]["actions"]["HDR-DATE"] == "off"
    assert shown["policy"]["actions"]["HDR-FROM"] == "reject"
    assert shown["policy"]["limits"]["recipient_by_customer"] == {"messages_per_hour": 200, "hard": []}
