"""Files as they come in: in pieces, in forms, too large, too slow, broken."""

import asyncio
from collections.abc import AsyncIterator, Callable
from io import FileIO
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from gateway.http import upload
from gateway.http.pool import Pool
from gateway.http.problems import Problem
from gateway.http.server import EXTEND
from tests.gateway.http.conftest import GENERIC, Api, is_problem, row
from tests.rig.gateway import running

FILE = (GENERIC + row("bob@recipient.example")).encode()
BOUNDARY = "limit"
FORM = "multipart/form-data; boundary=limit"


def part(content: bytes, *fields: str) -> bytes:
    """A part of a form."""
    return b"--limit\r\n" + "".join(f"{each}\r\n" for each in fields).encode() + b"\r\n" + content + b"\r\n"


def file_part(content: bytes = FILE, name: str = "members.csv") -> bytes:
    """A part that is a file."""
    return part(content, f'Content-Disposition: form-data; name="file"; filename="{name}"', "Content-Type: text/csv")


END = b"--limit--\r\n"


def request(kind: str, pieces: list[bytes | None], calls: list[float]) -> Request:
    """A request whose body comes in pieces; None: the sender hangs up, and after the last nothing comes any more."""
    messages: list[Message] = [
        {"type": "http.disconnect"} if piece is None else {"type": "http.request", "body": piece, "more_body": True}
        for piece in pieces
    ]
    if messages and messages[-1]["type"] == "http.request":
        messages[-1]["more_body"] = False

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    headers = [(b"content-type", kind.encode("latin-1"))]
    return Request({"type": "http", "method": "POST", "headers": headers, EXTEND: calls.append}, receive)


async def received(
    tmp_path: Path, kind: str, *pieces: bytes | None, octets: int = 10_000
) -> tuple[int, str, bytes, list[float]]:
    """What `upload.receive` gave, the file, and the time it asked for."""
    pool, calls, path = Pool(1), list[float](), tmp_path / "file"
    try:
        size, name = await upload.receive(request(kind, list(pieces), calls), path, octets, pool)
    finally:
        await pool.close()
    return size, name, path.read_bytes(), calls


async def test_a_raw_body_is_the_file(tmp_path: Path) -> None:
    size, name, found, calls = await received(tmp_path, "text/csv", b"one", b"", b"two")
    assert (size, name, found) == (6, "", b"onetwo")
    assert len(calls) == 3, "each piece gives it more time"


@settings(max_examples=50, deadline=None)
@given(content=st.binary(min_size=1, max_size=300), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_a_form_may_be_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int]) -> None:
    body = part(b"x", 'Content-Disposition: form-data; name="a"') + file_part(content) + END
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[begin:end] for begin, end in pairwise(places)]
    if b"\r\n--limit" in content:
        return
    size, name, found, _ = asyncio.run(received(tmp_path_factory.mktemp("form"), FORM, *pieces))
    assert (size, name, found) == (len(content), "members.csv", content)


async def test_what_is_gathered_is_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = upload._write

    def noted(file: FileIO, octets: bytes) -> None:
        written.append(len(octets))
        real(file, octets)

    monkeypatch.setattr(upload, "_write", noted)
    monkeypatch.setattr(upload, "CHUNK", 100)
    _, _, found, _ = await received(tmp_path, "text/csv", *[b"x" * 60] * 10)
    assert (len(found), max(written)) == (600, 120)


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("text/csv", b"", "empty"),
        (FORM, file_part(b"") + END, "empty"),
        (FORM, END, "no file"),
        (FORM, part(b"x", 'Content-Disposition: form-data; name="a"') + END, "no file"),
        (FORM, file_part() + file_part() + END, "more than one file"),
        (FORM, file_part(), "cut off"),
        (FORM, b"no form at all", "not a form"),
        (FORM, part(b"x" * 70_000, 'Content-Disposition: form-data; name="a"') + END, "more than one file"),
        (FORM, part(b"x", "X-Long: " + "y" * 9000) + END, "form"),
        ("multipart/form-data", file_part() + END, "boundary"),
        ("multipart/form-data; boundary=" + "b" * 5000, file_part() + END, "boundary"),
    ],
)
async def test_what_is_no_file_is_refused_by_name(tmp_path: Path, kind: str, body: bytes, named: str) -> None:
    with pytest.raises(Problem, match=named) as refused:
        await received(tmp_path, kind, body, octets=1_000_000)
    assert refused.value.status == 422


async def test_a_content_type_that_cannot_be_read_is_a_raw_body(tmp_path: Path) -> None:
    for kind in ("\xff", "multipart/form-data; filename*=nosuch'x'y", ";;;", ""):
        try:
            assert (await received(tmp_path, kind, b"x"))[0] == 1
        except Problem as problem:
            assert problem.status == 422


async def test_more_than_the_bound_is_413_also_in_a_form(tmp_path: Path) -> None:
    assert (await received(tmp_path, "text/csv", b"x" * 10, octets=10))[0] == 10
    for kind, body in (("text/csv", b"x" * 11), (FORM, file_part(b"x" * 11) + END)):
        with pytest.raises(Problem) as refused:
            await received(tmp_path, kind, body, octets=10)
        assert refused.value.status == 413


async def test_a_sender_that_is_silent_is_408(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "IDLE_SECONDS", 0.01)
    pool = Pool(1)
    silent = request("text/csv", [], [])
    with pytest.raises(Problem) as refused:
        await upload.receive(silent, tmp_path / "file", 100, pool)
    assert (refused.value.status, refused.value.headers) == (408, {"Connection": "close"})
    await pool.close()


async def test_a_sender_that_drips_is_408(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_GRACE_SECONDS", 0.0)
    with pytest.raises(Problem) as refused:
        monkeypatch.setattr(upload, "SLOWEST", 1e12)
        await received(tmp_path, "text/csv", b"x", b"y")
    assert refused.value.status == 408


async def test_a_sender_that_hangs_up_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        await received(tmp_path, "text/csv", b"half", None)


@pytest.mark.parametrize("kept", [Path("/dev/full"), Path("/nowhere/file")], ids=["full", "no folder"])
async def test_a_disk_that_takes_no_file_is_503(kept: Path) -> None:
    pool = Pool(1)
    with pytest.raises(Problem, match="cannot be kept") as refused:
        await upload.receive(request("text/csv", [b"x"], []), kept, 100, pool)
    await pool.close()
    assert refused.value.status == 503


async def test_a_file_leaves_the_audit_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise a customer's uploads could fill the disk, and everybody's mail would be answered 452.
    monkeypatch.setattr(upload, "LEFT_FREE", 1 << 62)
    with pytest.raises(Problem, match="No space left") as refused:
        await received(tmp_path, "text/csv", b"x")
    assert refused.value.status == 503


@pytest_asyncio.fixture
async def small(tmp_path: Path) -> AsyncIterator[Callable[[], Api]]:
    """A gateway that takes small files only."""
    few = {"http": {"address": "127.0.0.1:0", "import_bytes": 200_000}}
    async with running(tmp_path, settings=few) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            api = Api(gateway, hop, client)
            _, api.tokens["own"] = gateway.stores.tokens.create("customer", "acme", gateway.clock())
            yield lambda: api


async def test_a_file_beyond_the_setting_leaves_nothing_behind(small: Callable[[], Api]) -> None:
    api = small()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 10_000

    for content in (b"x" * 300_000, endless()):
        answer = await api.ask("POST", "consent/imports", "own", params={"list": "a"}, content=content)
        assert "http.import_bytes" in answer.text or "octets" in answer.text
        is_problem(answer, 413)
    assert list((api.gateway.settings.data_dir / "imports").iterdir()) == []
    answer = await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=FILE)
    assert answer.status_code == 200


async def test_a_body_is_not_read_before_the_token_is_looked_at(small: Callable[[], Api]) -> None:
    api = small()
    host, _, port = api.gateway.http_address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/v1/customers/acme/consent/imports?list=a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    writer.write(head.encode())
    assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 401")
    writer.close()
