"""`kill -9` at random points of an import, ten times on each database, and run again: nothing lost, nothing doubled, chain intact."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from consent.model import State
from tests.rig.imports import desk, given, person, related, write

pytest_plugins = ("tests.rig.contracts",)

ROOT = Path(__file__).parents[2]
KILLS = 10
PEOPLE = int(os.environ.get("PEOPLE", "2500"))
"""The kills come at ten points of an import of whatever length; PEOPLE=10000 is the long form."""
BLOCK = 40


def started(folder: Path, url: str, path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.rig.import_worker", str(folder), url, str(path), str(BLOCK)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, start_new_session=True)


def readers(of: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{of}/task/{of}/children").read_text().split()]
    except FileNotFoundError:
        return []


def kill(process: subprocess.Popen[bytes], victim: int) -> None:
    """Kill the writer, or the reader: then the writer ends by itself."""
    os.kill(victim, signal.SIGKILL)
    process.communicate(timeout=240)


def test_an_import_killed_ten_times_loses_nothing_and_doubles_nothing(tmp_path: Path, url: str) -> None:
    chance = random.Random(6)
    rows = [given(number, state="withdrawn" if number % 10 == 0 else "given") for number in range(PEOPLE)]
    rows += ["no address,given,,,,,,,", *(related(number) for number in range(1, 200))]
    chance.shuffle(rows)
    path = write(tmp_path, rows)
    phases = set()
    for number in range(KILLS):
        process = started(tmp_path, url, path)
        assert process.stdin is not None and process.stdout is not None
        wanted, phase, share = (number + chance.random()) / KILLS, "", 0.0
        for line in process.stdout:
            name, _, done = line.partition(b" ")
            phase, share = name.decode(), int(done) / len(rows)
            # What stops mail and what allows it meet kills, the last of them well before the end.
            if {"reading": 0, "withdrawals": 0, "consents": 1}[phase] + share > 1.6 * wanted:
                break
            process.stdin.write(b"\n")
            process.stdin.flush()
        children = readers(process.pid)
        reader = phase == "withdrawals" and share < 0.5 and children and chance.random() < 0.5
        process.stdin.write(b"\n")
        process.stdin.flush()
        time.sleep(chance.random() * 0.005)
        kill(process, children[0] if reader else process.pid)
        assert process.returncode != 0
        phases.add(phase)
    assert phases >= {"withdrawals", "consents"}
    with desk(tmp_path, url) as at:
        assert at.importer.jobs.list("acme")[0].status != "done"
    process = started(tmp_path, url, path)
    process.communicate(timeout=300)
    assert process.returncode == 0
    with desk(tmp_path, url) as at:
        (job,) = at.importer.jobs.list("acme")
        counts = job.counts
        assert (job.status, counts.rows, counts.refused) == ("done", len(rows), 1)
        assert (counts.consents, counts.withdrawals, counts.relationships) == (PEOPLE * 9 // 10, PEOPLE // 10, 199)
        assert (counts.new, counts.known) == (len(rows) - 1, 0)
        checked = at.store.verify()
        assert checked.faults == []
        assert checked.events == len(rows) - 1
        for number in range(0, PEOPLE, 37):
            states = [recorded.event.state for recorded in at.store.history("acme", person(number))]
            assert states.count(State.WITHDRAWN if number % 10 == 0 else State.GIVEN) == 1
            assert len(states) == 1 + (0 < number < 200)
