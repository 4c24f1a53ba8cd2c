"""While a file is imported, a withdrawal told to another process is in force within five seconds."""

import subprocess
import sys
import time
from pathlib import Path

from consent.import_jobs import ImportStore
from consent.model import State
from tests.rig.consents import ANN, entry, withdrawn
from tests.rig.imports import desk, given, write
from tests.rig.processes import wait_until

pytest_plugins = ("tests.rig.contracts",)

ROOT = Path(__file__).parents[2]
ROWS = 40_000
WITHDRAWALS = 20


def test_a_withdrawal_is_in_force_within_five_seconds_of_being_told(tmp_path: Path, url: str) -> None:
    path = write(tmp_path, [given(number) for number in range(ROWS)])
    with desk(tmp_path, url) as at:
        command = [sys.executable, "-m", "tests.rig.import_worker", str(tmp_path), url, str(path), "20000"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
        jobs = ImportStore(at.database)
        wait_until(lambda: any(job.phase == "consents" for job in jobs.list("acme")), 240, "consents are written")
        longest = 0.0
        told = 0
        while process.poll() is None and told < WITHDRAWALS:
            before = time.monotonic()
            at.store.append("acme", [entry(ANN, withdrawn(told))])
            standing = at.store.standing("acme", ANN)
            longest = max(longest, time.monotonic() - before)
            told += 1
            assert len(standing.withdrawals) == 1
        process.wait(300)
        assert process.returncode == 0
        assert told > 0
        assert longest < 5
        assert [each.event.state for each in at.store.history("acme", ANN)] == [State.WITHDRAWN] * told
        assert at.store.verify().faults == []
