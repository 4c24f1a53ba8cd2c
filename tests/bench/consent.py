"""The registry of consents at scale: import rate, memory, file size, and what a decision costs.

    python -m tests.bench.consent [--rows N] [--small N] [--database sqlite|postgresql|both] [--lookups N] [--out FOLDER]

Imports `--small` and then `--rows` rows of the generic format, each into a registry of its own (10 thousand and 10
million unless told otherwise; a short run is --rows 200000). Rate: rows of the file over the time from the start of the
import to its end. Memory: the largest resident set of writer and reader, added. A decision is the look-up of one
recipient and `decide`; p50 and p99 in microseconds, cold with the system's page cache emptied (as root; else with the
file's pages dropped). The bare look-up is the standing by its key, through Python's sqlite3, in the same file and run.
Only ratios taken in one run mean anything on another machine. Generator, writer, reader and database share its cores.
"""

import argparse
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from tabulate import tabulate

from consent.address import Address
from consent.database import Database
from consent.decide import decide
from consent.keys import Secrets
from consent.mailing import Class, Mailing
from consent.model import Grade, micros
from consent.profiles import shipped
from consent.store import ConsentStore
from tests.rig import registry
from tests.rig.imports import ACME, desk, order
from tests.rig.postgres import Postgres, running

ROOT = Path(__file__).resolve().parents[2]
HEADER = "email,event_state,event_time,source_ref,ip,notice_id\n"
DURABLE = {"fsync": "on", "shared_buffers": "256MB", "max_wal_size": "4GB"}
"""PostgreSQL as an operator would run it."""
MAILING = Mailing(Class.BULK, "acme", "newsletter", Grade.E2, ("us",))


@dataclass(frozen=True)
class Result:
    """One database of one size."""

    database: str
    rows: int
    seconds: float
    rate: float
    cpu: float
    """Microseconds of writer and reader, for each row."""
    megabytes: float
    """Resident, at most."""
    octets_per_row: float
    warm_p50: float
    warm_p99: float
    cold_p50: float
    cold_p99: float
    bare_p50: float
    """Of SQLite alone; 0 on PostgreSQL."""


def email(number: int) -> str:
    """The address in that row."""
    return f"person{number}@host{number % 9973}.example"


def write(path: Path, rows: int) -> None:
    """A file of so many rows: one in fifty a withdrawal, the others single opt-ins."""
    with path.open("w") as file:
        file.write(HEADER)
        for number in range(rows):
            state = "withdrawn" if number % 50 == 49 else "given"
            at = f"{2024 + number % 2}-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:{number // 24 % 60:02}:{number // 1440 % 60:02}Z"
            ip = f"{1 + number % 9}.{number // 9 % 250}.{number // 2250 % 250}.{number % 251}"
            file.write(f"{email(number)},{state},{at},https://www.acme.example/join,{ip},join-1\n")


def import_file(folder: str, url: str, file: str) -> None:
    """What the measured process does."""
    with desk(Path(folder), url, clock=lambda: datetime.now(UTC), small_file=4 << 20) as at:
        before = time.perf_counter()
        job = at.importer.start(ACME, order(), Path(file))
        print(json.dumps({"seconds": time.perf_counter() - before, "new": job.counts.new, "rows": job.counts.rows}))


@contextmanager
def peak(process: int) -> Iterator[Callable[[], float]]:
    """Megabytes that a process and its children had resident at most, each at its highest, looked at while it runs."""
    highest: dict[int, int] = {}
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(0.2):
            # One that has just ended has no such line any more.
            with suppress(OSError, IndexError):
                children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
                for each in (process, *map(int, children)):
                    status = Path(f"/proc/{each}/status").read_text()
                    highest[each] = int(status.partition("VmHWM:")[2].split()[0])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: sum(highest.values()) / 1024
    finally:
        stopped.set()
        thread.join()


def percentiles(times: list[float]) -> tuple[float, float]:
    """p50 and p99 in microseconds."""
    cuts = quantiles(times, n=100)
    return cuts[49] * 1e6, cuts[98] * 1e6


def timed(call: Callable[[int], object], numbers: list[int]) -> list[float]:
    """Seconds of each call."""
    taken = []
    for number in numbers:
        before = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - before)
    return taken


def forget(folder: Path) -> None:
    """Empty the page cache; without the right to, drop the pages of the files in a folder."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def deciding(store: ConsentStore) -> Callable[[int], object]:
    """A decision about the person of a row, its outcome checked."""
    profiles, now = shipped(), micros(datetime.now(UTC))

    def one(number: int) -> object:
        (known,) = store.known("acme", [Address.parse(email(number))])
        found = decide(MAILING, known, profiles, now)
        assert found.allowed == (number % 50 != 49), (number, found)
        return found

    return one


def bare(folder: Path, secrets: Secrets) -> Callable[[int], object]:
    """A look-up by key and nothing else."""
    connection = sqlite3.connect(folder / "postern-consent.db", isolation_level=None)
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA cache_size = -16384")
    query = "SELECT standing FROM standings WHERE customer = ? AND key = ?"
    keys: dict[int, bytes] = {}

    def one(number: int) -> object:
        row = connection.execute(query, ("acme", keys[number])).fetchone()
        assert row
        return row

    def warmed(number: int) -> object:
        if number not in keys:
            keys[number] = secrets.subject_octets(Address.parse(email(number)))
        return one(number)

    return warmed


def measure(out: Path, name: str, rows: int, lookups: int, server: Postgres | None) -> Result:
    """Import so many rows into a fresh registry, then look up."""
    chance = random.Random(rows)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=out, prefix="consent-")))
        url = stack.enter_context(server.database()) if server else registry.sqlite_url(folder)
        path = folder / "x.csv"
        write(path, rows)
        command = [sys.executable, "-m", "tests.bench.consent", "--import", str(folder), url, str(path)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process, peak(process.pid) as memory:
            said, _ = process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = 1e6 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rows
        if process.returncode:
            raise SystemExit(process.returncode)
        done = json.loads(said)
        assert done["new"] == done["rows"] == rows
        whole = Database(url)
        database = whole.consent()
        secrets = registry.secrets(folder)
        store = ConsentStore(database, secrets)
        stack.callback(store.close)
        stack.callback(whole.close)
        size = _size(folder, database)
        decision, numbers = deciding(store), [chance.randrange(rows) for _ in range(lookups)]
        store.close()
        if server:
            server.stop()
        forget(folder)
        if server:
            server.start()
        cold = percentiles(timed(decision, [chance.randrange(rows) for _ in range(max(200, lookups // 50))]))
        timed(decision, numbers)
        warm = percentiles(timed(decision, numbers))
        plain = 0.0
        if not server:
            look = bare(folder, secrets)
            timed(look, numbers)
            plain, _ = percentiles(timed(look, numbers))
        seconds = done["seconds"]
        return Result(name, rows, seconds, rows / seconds, cpu, memory(), size / rows, *warm, *cold, plain)


def _size(folder: Path, database: Database) -> float:
    if database.is_sqlite:
        return sum(path.stat().st_size for path in folder.glob("postern-consent.db*"))
    with database.reading() as connection:
        return float(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def shown(results: list[Result]) -> str:
    """The table, and what follows from it."""
    titles = (
        "database",
        "rows",
        "s",
        "rows/s",
        "CPU us/row",
        "MB",
        "octets/row",
        "warm p50",
        "p99",
        "cold p50",
        "p99",
        "bare p50",
    )
    cells = [
        (each.database, each.rows, *(round(value, 1) for value in list(asdict(each).values())[2:])) for each in results
    ]
    lines = [tabulate(cells, titles)]
    for name in dict.fromkeys(each.database for each in results):
        small, large = [each for each in results if each.database == name]
        lines.append(
            f"{name}: a decision grows {large.warm_p50 / small.warm_p50:.2f}-fold from {small.rows} to {large.rows}"
        )
        if large.bare_p50:
            lines.append(f"{name}: a decision is {large.warm_p50 / large.bare_p50:.2f} bare look-ups")
    return "\n".join(lines)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="consent", description="The registry of consents at scale.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--small", type=int, default=10_000, help="rows of the registry that growth is taken from")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--lookups", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="files and results go here")
    parser.add_argument("--import", nargs=3, dest="importing", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure, print the table and keep the figures as JSON."""
    chosen = options()
    if chosen.importing:
        import_file(*chosen.importing)
        return
    chosen.out.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for name in ("sqlite", "postgresql"):
        if chosen.database in (name, "both"):
            with ExitStack() as stack:
                server = stack.enter_context(running(DURABLE)) if name == "postgresql" else None
                for rows in (chosen.small, chosen.rows):
                    results.append(measure(chosen.out, name, rows, chosen.lookups, server))
                    print(results[-1], flush=True)
    print(shown(results))
    (chosen.out / "consent.json").write_text(json.dumps([asdict(each) for each in results], indent=2))


if __name__ == "__main__":
    main()
