"""Processes of their own that record events, for tests of several at once and of `kill -9`."""

import multiprocessing
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path

from consent.database import Database
from consent.keys import Secrets
from consent.store import ConsentStore
from tests.rig.consents import entry, many, withdrawn


def started(url: str, secrets: Path, first: int, batches: int | None, size: int) -> BaseProcess:
    """A process that records `size` consents in each batch, of the addresses from `first` on; None: without end."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_record, args=(url, secrets, first, batches, size), daemon=True)
    process.start()
    return process


def hammering(url: str, secrets: Path, size: int) -> BaseProcess:
    """A process that writes batches of `size` prepared entries, each at once after the other, without end."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_hammer, args=(url, secrets, size), daemon=True)
    process.start()
    return process


def _hammer(url: str, secrets: Path, size: int) -> None:
    store = ConsentStore(Database(url).consent(), Secrets.load_or_create(secrets))
    prepared = [store.prepare("acme", many(range(start, start + size))) for start in range(0, 5 * size, size)]
    while True:
        for each in prepared:
            store.write(each)


def _record(url: str, secrets: Path, first: int, batches: int | None, size: int) -> None:
    store = ConsentStore(Database(url).consent(), Secrets.load_or_create(secrets))
    for batch in count() if batches is None else range(batches):
        start = first + batch * size
        subjects = many(range(start, start + size))
        # An old subject in each batch, so that rows are changed too.
        store.append("acme", [*subjects, entry(many([first])[0].subject, withdrawn(batch + 1))])
