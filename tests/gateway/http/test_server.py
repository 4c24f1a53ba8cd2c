"""The HTTP listener: what it makes of garbage, slow clients and its own end."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from config.files import ConfigError
from config.policy import Policy
from gateway.app import Gateway
from gateway.http import server
from gateway.http.server import HttpServer
from gateway.stores import Stores
from tests.gateway.http.conftest import GENERIC, Api, row
from tests.rig.gateway import Clock, running, settings_for
from tests.rig.loops import calm


async def connect(api: Api) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = api.gateway.http_address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def say(api: Api, octets: bytes) -> bytes:
    """All that is answered to some octets, until the connection is closed."""
    reader, writer = await connect(api)
    writer.write(octets)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_garbage_is_answered_400_and_harms_nobody(api: Api) -> None:
    for octets in (b"\0\xff\x80" * 50, b"EHLO client.example\r\n\r\n", b"\x16\x03\x01\x02\0\x01",
                   b"GET /healthz HTTP/1.1\r\nNo colon\r\n\r\n", b"\r\n\r\n\r\nX\r\n\r\n"):  # fmt: skip
        answer = await say(api, octets)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        if answer:
            assert b"application/problem+json" in answer
    assert (await api.client.get("/healthz")).status_code == 200


async def test_a_head_that_is_too_large_is_answered_400(api: Api) -> None:
    answer = await say(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"16384 octets" in answer


async def test_garbage_in_a_body_ends_the_connection(api: Api) -> None:
    head = b"POST /api/v1/customers/acme/suspend HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"200 OK" not in await say(api, head + b"no length at all\r\n")
    assert (await api.client.get("/healthz")).status_code == 200


async def test_a_head_that_does_not_come_ends_the_connection(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.05)
    for first in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"):
        assert await _rest(*await connect(api), first) == b""
    monkeypatch.setattr(server, "_HEAD_SECONDS", 60.0)
    reader, writer = await connect(api)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b'{"status":"ok"}'), 60)
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.05)
    assert await _rest(reader, writer, b"GET /hea") == b""


async def _rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets: bytes) -> bytes:
    """What is answered to some octets on an open connection until it is closed."""
    writer.write(octets)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_client_that_does_not_read_its_answer_is_dropped(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_REQUEST_SECONDS", 0.2)
    reader, writer = await connect(api)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(20):
            while True:
                writer.write(ask * 50)
                await writer.drain()
                await asyncio.sleep(0.01)
    writer.close()
    monkeypatch.setattr(server, "_REQUEST_SECONDS", 120.0)
    assert (await api.client.get("/healthz")).status_code == 200


async def test_one_connection_too_many_is_answered_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await api.client.get("/healthz")).status_code == 200
    monkeypatch.setattr(server, "_CONNECTIONS", 1)
    answer = await say(api, b"")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"application/problem+json" in answer
    assert (await api.client.get("/healthz")).status_code == 200


async def test_connections_are_kept_and_pipelined_requests_answered(api: Api) -> None:
    answer = await say(api, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert answer.count(b"200 OK") == 3


async def test_an_upgrade_is_not_made(api: Api) -> None:
    answer = await api.client.get("/healthz", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert answer.status_code == 200


async def test_the_answer_does_not_say_what_made_it(api: Api) -> None:
    assert "server" not in (await api.client.get("/healthz")).headers


async def test_it_ends_quickly_with_connections_that_are_kept_open(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        clients = [httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) for _ in range(5)]
        for client in clients:
            await client.get("/healthz")
        host, _, port = gateway.http_address.rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        silent[0][1].write(b"GET /healthz HTTP/1.1\r\n")
        begun = asyncio.get_running_loop().time()
        await gateway.stop()
        assert asyncio.get_running_loop().time() - begun < 2
        for _, writer in silent:
            writer.close()
        for client in clients:
            await client.aclose()


async def test_http_opens_before_smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    original = HttpServer.open

    async def http(self: HttpServer) -> str:
        address = await original(self)
        async with httpx.AsyncClient(timeout=300) as client:
            assert (await client.get(f"http://{address}/healthz")).status_code == 200
        opened.append("http")
        return address

    monkeypatch.setattr(HttpServer, "open", http)
    async with running(tmp_path) as (gateway, _, _):
        assert opened == ["http"]
        assert gateway.smtp_addresses


async def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = settings_for(tmp_path, "127.0.0.1:1", http={"address": address})
        Stores.open(settings).database.close()
        gateway = Gateway(settings, Policy(), Clock())
        with pytest.raises(ConfigError, match=f"http.address: cannot listen on {address}: Address already in use"):
            await gateway.start()


async def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1:80: Cannot assign"):
        server._listen("http.address", "192.0.2.1:80")


async def test_ipv6_is_served() -> None:
    with server._listen("http.address", "[::1]:0") as listener:
        assert listener.getsockname()[0] == "::1"


async def test_a_long_upload_gets_more_time_as_it_gets_further(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await api.client.get("/healthz")).status_code == 200
    monkeypatch.setattr(server, "_REQUEST_SECONDS", 20.0)
    reader, writer = await connect(api)
    content = (GENERIC + row("bob@recipient.example")).encode()
    head = "POST /api/v1/customers/acme/consent/imports?list=newsletter HTTP/1.1\r\nHost: x\r\n"
    head += f"Authorization: Bearer {api.tokens['own']}\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode())
    for start in range(0, len(content), 20):
        writer.write(content[start : start + 20])
        await asyncio.sleep(0.1)
        calm().leap(5)
    assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"HTTP/1.1 200 ")
    writer.close()
