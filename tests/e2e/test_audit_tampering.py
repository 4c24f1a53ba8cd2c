"""An audit that a gateway has written, changed behind its back: `postern audit verify` finds it and names the record."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rig.postern import NETS, Postern
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client

MESSAGES = 120
Tamper = Callable[[Path], tuple[int, int]]
"""Changes the journal in a directory; the segment and the record that must be named."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postern]:
    """A gateway that wrote at least three segments and was killed, so that nothing is tidied up."""
    folder = tmp_path_factory.mktemp("written") / "gw"
    audit = {"audit": {"segment_bytes": 64 * 1024, "reserve_bytes": 64 * 1024}}
    with Sink() as sink, Postern(folder, sink.port, customers=[NETS], settings=audit) as postern:
        with Client(postern.port) as client:
            for number in range(MESSAGES):
                content = f"Message-ID: <{number}@nets.example>\r\nFrom: ann@nets.example\r\n\r\nx\r\n"
                reply = client.message(content.encode(), "ann@nets.example", f"bob{number}@recipient.example")
                assert reply.startswith("250 ")
        postern.concluded(MESSAGES)
        postern.kill()
        assert postern.verify().status == 0
        assert len(list(_journal(postern).glob("*.jsonl"))) >= 3
        yield postern


def _journal(postern: Postern) -> Path:
    return postern.folder / "var" / "audit" / "gateway"


def _lines(journal: Path, segment: int) -> tuple[Path, list[bytes]]:
    path = journal / f"{segment:06}.jsonl"
    return path, path.read_bytes().splitlines(keepends=True)


def _number(line: bytes) -> int:
    number: int = json.loads(line)["n"]
    return number


def change_a_byte(journal: Path) -> tuple[int, int]:
    """One digit of a size in the second segment."""
    path, lines = _lines(journal, 2)
    at = next(index for index, line in enumerate(lines) if index > 3 and b'"size":' in line)
    start = lines[at].index(b'"size":') + len(b'"size":')
    digit = lines[at][start : start + 1]
    line = lines[at][:start] + (b"9" if digit != b"9" else b"8") + lines[at][start + 1 :]
    path.write_bytes(b"".join([*lines[:at], line, *lines[at + 1 :]]))
    return 2, _number(line)


def remove_from_the_middle(journal: Path) -> tuple[int, int]:
    """One record of the second segment."""
    path, lines = _lines(journal, 2)
    removed = lines.pop(len(lines) // 2)
    path.write_bytes(b"".join(lines))
    return 2, _number(removed)


def swap_two(journal: Path) -> tuple[int, int]:
    """Two neighbours in the first segment."""
    path, lines = _lines(journal, 1)
    lines[6], lines[7] = lines[7], lines[6]
    path.write_bytes(b"".join(lines))
    return 1, _number(lines[7])


def remove_the_last(journal: Path) -> tuple[int, int]:
    """The last record there is."""
    segment = max(int(path.stem) for path in journal.glob("*.jsonl"))
    path, lines = _lines(journal, segment)
    path.write_bytes(b"".join(lines[:-1]))
    return segment, _number(lines[-1])


def delete_a_segment(journal: Path) -> tuple[int, int]:
    """The second segment."""
    path, lines = _lines(journal, 2)
    path.unlink()
    return 2, _number(lines[0])


def delete_the_last_segment_and_turn_the_head_back(journal: Path) -> tuple[int, int]:
    """The end of the journal, so far as the files can hide it: the head is no longer there to tell."""
    segment = max(int(path.stem) for path in journal.glob("*.jsonl"))
    path, lines = _lines(journal, segment)
    path.unlink()
    (journal / "head").unlink()
    return segment - 1, _number(lines[0]) - 1


@pytest.mark.parametrize(
    "tamper",
    [
        change_a_byte,
        remove_from_the_middle,
        swap_two,
        remove_the_last,
        delete_a_segment,
        delete_the_last_segment_and_turn_the_head_back,
    ],
)
def test_what_was_changed_is_found_and_named(written: Postern, tmp_path: Path, tamper: Tamper) -> None:
    copy = written.copy(tmp_path / "gw")
    segment, record = tamper(_journal(copy))
    done = copy.run("audit", "verify", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (1, False)
    assert (segment, record) in {(each["segment"], each["record"]) for each in found["faults"]}, found["faults"]
    assert {each["process"] for each in found["faults"]} == {"gateway"}


def test_a_deleted_process_directory_is_missed(written: Postern, tmp_path: Path) -> None:
    copy = written.copy(tmp_path / "gw")
    shutil.rmtree(_journal(copy))
    verification = copy.verify()
    assert verification.status == 1
    assert "DAMAGED" in verification.text
    assert re.search(
        r"^fault  gateway segment \d{6} record [1-9]\d*: the directory is missing", verification.text, re.M
    )


def test_a_gateway_does_not_start_on_a_damaged_end(written: Postern, tmp_path: Path) -> None:
    copy = written.copy(tmp_path / "gw")
    _, record = remove_the_last(_journal(copy))
    done = copy.run("serve")
    assert done.returncode == 2
    assert f"record {record}" in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("octets", [1, 200])
def test_a_torn_tail_is_set_aside_and_is_no_fault(written: Postern, tmp_path: Path, octets: int) -> None:
    copy = written.copy(tmp_path / "gw")
    journal = _journal(copy)
    segment = max(int(path.stem) for path in journal.glob("*.jsonl"))
    path, lines = _lines(journal, segment)
    with path.open("ab") as file:
        file.write(lines[-1].replace(b'"n":', b'"n":1')[:octets])
    before = copy.verify()
    assert before.status == 0, before.text
    assert "note   gateway: " in before.text and "torn tail" in before.text
    with copy:
        pass
    after = copy.verify()
    assert after.status == 0, after.text
    assert f"torn tail of segment {segment:06}" in after.text
    (recovered,) = [each for each in copy.search("--kind", "all") if each["kind"] == "recovered"]
    assert recovered["bytes"] == octets
    assert (journal / recovered["file"]).stat().st_size == octets
