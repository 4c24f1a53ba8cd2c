"""Next hops over real sockets, on both event loops, and certificates."""

import asyncio
import datetime
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.settings import NextHop as NextHopSettings
from gateway.nexthop import Bounds, NextHop
from gateway.rota import Rota
from tests.rig.loops import CalmLoop
from tests.rig.smtpd import Smtpd


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Each asynchronous test runs on both loops."""
    return {"asyncio": CalmLoop, "uvloop": uvloop.new_event_loop}


class Clock:
    """A clock that stands until it is moved; seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class MakeHop(Protocol):
    """Makes a started next hop in front of servers (or addresses)."""

    def __call__(self, *servers: Smtpd | str, **settings: Any) -> Awaitable[NextHop]: ...


@dataclass
class Kit:
    """What the next hops of a test share."""

    clock: Callable[[], float]
    alarms: list[tuple[str, str]]
    bounds: Bounds


@pytest.fixture
def kit() -> Kit:
    """Real time, short bounds; a test may put others in before it makes a next hop."""
    return Kit(
        time.monotonic,
        [],
        Bounds(connect=20, greeting=20, dial=40, envelope=20, data=20, wait=0.3, quit=0.5, backoff=30),
    )


@pytest.fixture
async def make_hop(kit: Kit) -> AsyncIterator[MakeHop]:
    """Next hops, closed at the end; closing must leave no task behind."""
    made: list[NextHop] = []

    async def make(*servers: Smtpd | str, **settings: Any) -> NextHop:
        addresses = tuple(server if isinstance(server, str) else server.address for server in servers)
        values = {"name": "test", "addresses": addresses, "tls": "none", "sessions": 4, "share": 1, **settings}
        hop = NextHop(
            NextHopSettings(**values),
            hostname="gw.example",
            clock=kit.clock,
            on_alarm=lambda name, text: kit.alarms.append((name, text)),
            rota=Rota(),
            bounds=kit.bounds,
        )
        made.append(hop)
        await hop.start()
        return hop

    before = asyncio.all_tasks()
    yield make
    for hop in made:
        await hop.close()
        assert hop.sessions == (0, 0, 0)
    left = {task for task in asyncio.all_tasks() - before if "next hop" in task.get_name()}
    assert not left


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for `localhost` and 127.0.0.1, and a server's context with it."""

    path: Path
    context: ssl.SSLContext


def make_certificate(folder: Path, name: str, *addresses: str) -> Certificate:
    """A certificate for a host name and addresses, valid for a day either way."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name), *(x509.IPAddress(ipaddress.ip_address(a)) for a in addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Certificate(path, context)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One that fits the servers of these tests."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost", "127.0.0.1")


@pytest.fixture(scope="session")
def foreign_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One for another host."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "other.example")
