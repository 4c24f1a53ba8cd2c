"""The reading process: the same blocks as in one process, and it never outlives who started it."""

import gc
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC
from pathlib import Path

import pytest
from msgspec.structs import asdict

from consent.import_blocks import Block, Plan, Source, Surveyed
from consent.import_process import ReaderDied, collecting_rarely, elsewhere, here
from consent.imports.row import Context, ImportRefused
from consent.model import micros
from tests.rig import registry
from tests.rig.imports import given, related, write
from tests.rig.processes import wait_until

CONTEXT = Context("i", "newsletter", "acme", micros(registry.NOW), "ann@desk", UTC, "UTC", reference_key=bytes(32))


def plan(path: Path, block: int = 50) -> Plan:
    return Plan(path, "x.csv", "auto", CONTEXT, block=block)


def shape(message: Block | Surveyed) -> object:
    """All of a message but what is random by intent."""
    if isinstance(message, Surveyed):
        return (message.rows, message.quality)
    loads = [
        (load.prepared.keys if load.prepared else [], load.entries, load.packed)
        for load in (message.load, message.aside)
    ]
    counts = (asdict(message.counts), asdict(message.aside_counts))
    return (message.reading, message.done, counts, message.errors, loads)


def children(of: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{of}/task/{of}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_another_process_gives_the_same_blocks(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    rows = [given(number, state="withdrawn" if number % 9 == 0 else "given") for number in range(300)]
    path = write(tmp_path, [*rows, related(1), "wrong,given,,,,,,,"])
    with elsewhere(plan(path), "acme", secrets) as messages:
        found = [shape(message) for message in messages]
    assert found == [shape(message) for message in here(Source.open(plan(path)), "acme", secrets)]
    assert len(found) > 10


def test_it_has_the_lowest_priority_and_ends_with_the_block(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    path = write(tmp_path, [given(number) for number in range(3000)])
    before = set(children(os.getpid()))
    with elsewhere(plan(path, block=10), "acme", secrets) as messages:
        next(messages)
        (process,) = set(children(os.getpid())) - before
        assert os.getpriority(os.PRIO_PROCESS, process) == 19
        group = Path(f"/proc/{process}/autogroup")
        assert not group.exists() or group.read_text().endswith("nice 19\n"), "niceness counts within a session only"
    assert not alive(process)


def test_garbage_is_looked_for_as_before_when_an_import_is_over() -> None:
    before = gc.get_threshold()
    with suppress(KeyError), collecting_rarely():
        assert gc.get_threshold()[0] > before[0]
        raise KeyError
    assert gc.get_threshold() == before


def test_a_reader_that_is_killed_is_noticed(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    path = write(tmp_path, [given(number) for number in range(3000)])
    before = set(children(os.getpid()))
    with elsewhere(plan(path, block=10), "acme", secrets) as messages:
        next(messages)
        (process,) = set(children(os.getpid())) - before
        os.kill(process, signal.SIGKILL)
        with pytest.raises(ReaderDied, match="-9"):
            list(messages)


def test_it_ends_when_who_started_it_is_killed(tmp_path: Path) -> None:
    registry.secrets(tmp_path)
    path = write(tmp_path, [given(number) for number in range(3000)])
    program = f"""
import sys, time
from pathlib import Path
from tests.consent.test_import_process import plan
from consent.import_process import elsewhere
from consent.keys import Secrets
with elsewhere(plan(Path({str(path)!r}), 10), "acme", Secrets.load_or_create(Path({str(tmp_path / "secrets.toml")!r}))) as messages:
    next(messages)
    print("reading", flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"reading\n"
    (reader,) = children(parent.pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not alive(reader), 60, "the reader ends")


def test_a_file_that_cannot_be_read_to_its_end_is_refused_with_the_text(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    path = tmp_path / "x.json"
    path.write_text('[{"email": "ann@list.example", "event_state": "given"}')
    with pytest.raises(ImportRefused, match="JSON"):
        Source.open(plan(path))
    with pytest.raises(ImportRefused, match="JSON"):
        with elsewhere(plan(path), "acme", secrets) as messages:
            list(messages)


def test_the_reader_is_told_no_secret(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    secrets.path.unlink()
    path = write(tmp_path, [given(1)])
    with elsewhere(plan(path), "acme", secrets) as messages:
        assert len(list(messages)) == 3
    assert not secrets.path.exists()


def test_a_reader_waits_for_who_takes_its_blocks(tmp_path: Path) -> None:
    secrets = registry.secrets(tmp_path)
    path = write(tmp_path, [given(number) for number in range(20_000)])
    before = set(children(os.getpid()))
    with elsewhere(plan(path, block=1000), "acme", secrets) as messages:
        next(messages)
        (process,) = set(children(os.getpid())) - before

        def blocked() -> bool:
            return "pipe_write" in Path(f"/proc/{process}/wchan").read_text() or sleeping(process)

        wait_until(blocked, 60, "the reader waits")
        rest = [(each.reading, each.done) for each in messages if isinstance(each, Block)]
    assert rest == [(1, 1000 * n) for n in range(2, 21)] + [(2, 1000 * n) for n in range(1, 21)]


def sleeping(process: int) -> bool:
    """Whether a process uses no CPU over a tenth of a second."""

    def used() -> str:
        return " ".join(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13])

    first = used()
    time.sleep(0.1)
    return used() == first
