"""Source: the octets of one table, from a file or from one member of a ZIP, as often as they are wanted.

Exports come as text, or packed as a ZIP of several (Mailchimp). A ZIP is read in place, never unpacked to disk: its
directory is bounded before it is loaded, members may not be encrypted, lie over each other or unpack to more than a
bound. What is no text at all (workbooks, web pages, other archives) is refused by name.
"""

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from consent.imports.row import ImportRefused

_CHUNK = 1 << 18
_MAX_DIRECTORY = 1 << 20
_MAX_MEMBERS = 50
_MAX_UNPACKED = 16 << 30
_MAX_RATIO = 250
"""Octets that one packed octet may become, beyond the first `_FREE` ones. Tables reach 20 or so; bombs 1,000."""
_FREE = 16 << 20
_DAMAGED = "the ZIP is damaged: download the export again"
_TABLES = (".csv", ".txt", ".tsv", ".tab", ".json", ".jsonl", ".ndjson")
_PACKED = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls): open it and save the sheet as CSV UTF-8",
    b"\x1f\x8b": "packed with gzip: unpack it first",
    b"BZh": "packed with bzip2: unpack it first",
    b"\xfd7zXZ": "packed with xz: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it first",
    b"%PDF": "a PDF document: export the data as CSV",
    b"PAR1": "a Parquet file: export the data as CSV",
    b"SQLite format 3": "a database: export the table as CSV",
    b"\xff\xfe\x00\x00": "in UTF-32: save it as UTF-8",
    b"\x00\x00\xfe\xff": "in UTF-32: save it as UTF-8",
}


@dataclass(frozen=True, slots=True)
class Source:
    """The octets of one table."""

    path: Path
    name: str
    """The file's name as its writer gave it, without folders, or ""; a ZIP's member has its own."""
    size: int
    """Octets, unpacked."""
    member: zipfile.ZipInfo | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The octets from the start. Raises ImportRefused for a damaged ZIP, while it is read too (`damage`)."""
        if self.member is None:
            with self.path.open("rb", buffering=_CHUNK) as stream:
                yield stream
            return
        with damage(), zipfile.ZipFile(self.path) as archive, archive.open(self.member) as packed:
            yield io.BufferedReader(cast("io.RawIOBase", packed), _CHUNK)

    def chunks(self) -> Iterator[bytes]:
        """All octets, in pieces of a bounded size."""
        with self.open() as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk

    def head(self, size: int) -> bytes:
        """The first `size` octets, or all there are."""
        with self.open() as stream:
            return stream.read(size)


@contextmanager
def damage() -> Iterator[None]:
    """What a damaged or unreadable ZIP raises, as ImportRefused."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, ArithmeticError, LookupError, struct.error) as error:
        raise ImportRefused(_DAMAGED) from error
    except NotImplementedError as error:
        raise ImportRefused("the ZIP is packed in an unusual way: unpack it and upload the tables") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ImportRefused(_DAMAGED) from error  # an offset before the start of the file
    except RuntimeError as error:  # zipfile's, for a password
        raise ImportRefused("the ZIP is encrypted: unpack it and upload the files") from error


def sources(path: Path, filename: str = "") -> tuple[Source, ...]:
    """The tables in the file at `path`, which was called `filename` where it comes from: one, or those of a ZIP in
    its order. Raises ImportRefused, or OSError when the file cannot be read."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    if not path.is_file():
        # It is read more than once, and a pipe that nobody writes to would never open.
        path.stat()
        raise ImportRefused("not a regular file: save what it gives to a file first")
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        raise ImportRefused("the file is empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with damage():
            return _members(path)
    _refuse_binary(head)
    return (Source(path, name, path.stat().st_size),)


def _refuse_binary(head: bytes) -> None:
    for magic, what in _PACKED.items():
        if head.startswith(magic):
            raise ImportRefused(f"the file is {what}")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ImportRefused("the file is a web page or XML: export the data as CSV (were you logged in?)")


def _members(path: Path) -> tuple[Source, ...]:
    if _directory_size(path) > _MAX_DIRECTORY:
        raise ImportRefused("the ZIP holds too many files: unpack it and upload the tables")
    with zipfile.ZipFile(path) as archive:
        every = [member for member in archive.infolist() if not member.is_dir()]
        if any(member.filename in ("xl/workbook.xml", "[Content_Types].xml", "mimetype") for member in every):
            raise ImportRefused("the file is a workbook or document: open it and save the sheet as CSV UTF-8")
        tables = [member for member in every if _is_table(member.filename)]
        if not tables:
            raise ImportRefused("the ZIP holds no .csv, .txt, .tsv or .json file: unpack it and upload the tables")
        _bounded(tables, path.stat().st_size)
        found = tuple(Source(path, member.filename.rpartition("/")[2], member.file_size, member) for member in tables)
    for source in found:
        head = source.head(512)
        if head.startswith(b"PK\x03\x04"):
            raise ImportRefused("the ZIP holds another ZIP: unpack it and upload the tables")
        _refuse_binary(head)
    return tuple(source for source in found if source.size)


def _is_table(name: str) -> bool:
    last = name.rpartition("/")[2]
    return name.lower().endswith(_TABLES) and not name.startswith("__MACOSX/") and not last.startswith(".")


def _bounded(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse what is encrypted or unpacks to too much; zipfile never gives more octets than a member declares."""
    if len(members) > _MAX_MEMBERS:
        raise ImportRefused(f"the ZIP holds more than {_MAX_MEMBERS} tables: upload them in parts")
    if any(member.flag_bits & 1 for member in members):
        raise ImportRefused("the ZIP is encrypted: unpack it with its password and upload the files")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise ImportRefused("the ZIP is packed in an unusual way: unpack it and upload the tables")
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if packed > size or unpacked > _MAX_UNPACKED or unpacked > _FREE + _MAX_RATIO * packed:
        raise ImportRefused("the ZIP unpacks to too much: unpack it and upload the tables")


def _directory_size(path: Path) -> int:
    """Octets of the ZIP's central directory, by its end record (APPNOTE.TXT sections 4.3.14 to 4.3.16)."""
    with path.open("rb") as stream:
        length = stream.seek(0, io.SEEK_END)
        start = max(0, length - (1 << 16) - 22 - 20)
        stream.seek(start)
        tail = stream.read()
        end = tail.rfind(b"PK\x05\x06")
        if end < 0:
            raise ImportRefused("the ZIP is cut off: download the export again")
        size = int.from_bytes(tail[end + 12 : end + 16], "little")
        if end >= 20 and tail[end - 20 : end - 16] == b"PK\x06\x07":
            stream.seek(int.from_bytes(tail[end - 12 : end - 4], "little") % (1 << 62))
            record = stream.read(56)
            size = max(size if size != 0xFFFFFFFF else 0, int.from_bytes(record[40:48], "little"))
        return size
