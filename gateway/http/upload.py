"""Upload: a file that is received into a file on disk, in pieces, raw or as the one file of a form (RFC 7578)."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from http import HTTPStatus
from io import FileIO
from pathlib import Path

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.http.limits import check_length, too_slow
from gateway.http.pool import Pool
from gateway.http.problems import Problem
from gateway.http.server import EXTEND

CHUNK = 1024 * 1024
"""Octets that are gathered before they are written."""
IDLE_SECONDS = 20.0
"""How long the sender may be silent."""
SLOWEST = 16 * 1024
"""Octets a second, on average, below which an upload is ended, once it has lasted two minutes."""
_GRACE_SECONDS = 120.0
LEFT_FREE = 256 * 1024 * 1024
"""Octets of the disk that no file gets. The audit lies on it, too: a customer's file must not stop everybody's mail."""
_FORM_OCTETS = 64 * 1024
"""What a form may hold besides the file."""
_HEAD_OCTETS = 8 * 1024


class _Form:
    """Takes a multipart body in pieces, and gives what belongs to its one file."""

    def __init__(self, boundary: bytes) -> None:
        self.filename, self.files, self.other = "", 0, 0
        self._field, self._value = b"", b""
        self._disposition = b""
        self._in_file = False
        self._found: list[bytes] = []
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise _wrong("Content-Type: the boundary is none (RFC 2046 section 5.1.1)") from None

    def feed(self, piece: bytes) -> bytes:
        """The part of the file that is in the next piece of the body; raises Problem."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _wrong("body: not a form as its Content-Type says (RFC 7578)") from None
        if self.other > _FORM_OCTETS:
            raise _wrong("body: the form holds more than one file; send one file alone")
        found, self._found = b"".join(self._found), []
        return found

    def finish(self) -> None:
        """Raise Problem unless the form was whole and held one file."""
        if not self._ended:
            raise _wrong("body: the form is cut off before its end (RFC 7578)")
        if self.files == 0:
            raise _wrong("body: the form holds no file; give the part that is one a filename, as browsers and curl do")

    def _begin(self) -> None:
        self._field = self._value = self._disposition = b""
        self._in_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._count(end - start)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def _count(self, octets: int) -> None:
        self.other += octets
        if max(len(self._field), len(self._value)) > _HEAD_OCTETS:
            raise _wrong(f"body: a field of the form's head is longer than {_HEAD_OCTETS} octets")

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        options = _options(self._disposition)[1]
        name = options.get(b"filename")
        if name is None:
            return
        self.files += 1
        if self.files > 1:
            raise _wrong("body: the form holds more than one file; send one file alone")
        self._in_file = True
        self.filename = name.decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._found.append(data[start:end])
        else:
            self.other += end - start

    def _end(self) -> None:
        self._ended = True


def _options(field: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """A field's value and its parameters; none where they cannot be read."""
    try:
        return parse_options_header(field)
    except (ValueError, LookupError):
        return b"", {}


def _wrong(detail: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


async def receive(request: Request, path: Path, octets: int, pool: Pool) -> tuple[int, str]:
    """Write the file of a request to `path`; (its octets, its name in the form, or "").

    No more than two pieces of it are in memory. Raises Problem: 413 for more than `octets`, 408 for a sender that is
    silent or too slow, 422 for a broken form, 503 where the disk is full; `ConnectionError` when the sender has gone.
    """
    check_length(request.scope, octets + _FORM_OCTETS)
    kind, options = _options(request.headers.get("content-type", "").encode("latin-1"))
    form = None
    if kind == b"multipart/form-data":
        if not options.get(b"boundary"):
            raise _wrong("Content-Type: multipart/form-data needs a boundary (RFC 7578)")
        form = _Form(options[b"boundary"])
    size, gathered = 0, bytearray()
    with await pool.run(_create, path) as file:
        async for piece in _pieces(request):
            part = form.feed(piece) if form else piece
            gathered += part
            size += len(part)
            if size > octets:
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"a file has at most {octets} octets here: split it, or ask the operator (http.import_bytes)",
                )
            if len(gathered) >= CHUNK:
                await pool.run(_write, file, bytes(gathered))
                gathered.clear()
        if form:
            form.finish()
        await pool.run(_write, file, bytes(gathered))
    if not size:
        raise _wrong("body: empty; send the file as it is, or as the one file of a form")
    return size, form.filename if form else ""


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The pieces of a body as they come."""
    loop = asyncio.get_running_loop()
    begun, size, more = loop.time(), 0, True
    while more:
        request.scope[EXTEND](IDLE_SECONDS * 2)
        try:
            message = await asyncio.wait_for(request.receive(), IDLE_SECONDS)
        except TimeoutError:
            raise too_slow(IDLE_SECONDS) from None
        if message["type"] == "http.disconnect":
            raise ConnectionError("the sender has gone")
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        lasted = loop.time() - begun
        if lasted > _GRACE_SECONDS and size < SLOWEST * lasted:
            raise too_slow(lasted)
        yield piece


def _create(path: Path) -> FileIO:
    try:
        # Unbuffered: what a full disk did not take is not tried again, and not raised again, by close.
        return path.open("wb", buffering=0)
    except OSError as error:
        raise _unkept(error) from None


def _write(file: FileIO, octets: bytes) -> None:
    rest = memoryview(octets)
    try:
        disk = os.fstatvfs(file.fileno())
        if disk.f_bavail * disk.f_frsize < LEFT_FREE + len(rest):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _unkept(error) from None


def _unkept(error: OSError) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the file cannot be kept: {error.strerror}", {"Retry-After": "60"})
