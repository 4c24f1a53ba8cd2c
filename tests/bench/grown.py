"""Gateways that have grown: what `tests.bench.growth` starts Postern on. All is made once and kept under `build/bench`.

Many customers are one file of theirs, applied by the program itself: each has a domain and an address of its own, those
that smtpload has for customer C. A long history is written by the program's own journal, with its secrets: a decision
and an outcome for each message, to a recipient each of its own, half of it in the chain of each of two workers.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from config.settings import load_settings
from consent.address import Address
from consent.schema import REVISION
from gateway.evidence import Evidence
from gateway.stores import Stores
from tests.bench import gateways
from tests.rig.audit import decision, outcome

FIRST_CUSTOMER = IPv4Address("127.64.0.0")
"""As in smtpload.c."""
_CUSTOMER = """
[[customers]]
id = "c{number}"
name = "Customer {number} Ltd"
postal_address = "{number} High Street, Exampletown"
contact = "postmaster@c{number}.example.com"
domains = ["c{number}.example.com"]
bulk = {{ slow_start = 0, observed = {{ day = 0, month = 0, year = 0 }} }}

[[customers.credentials]]
networks = ["{address}/32"]
stream = "auto"
"""
_GROUP = 4096
"""Messages written at once."""


def with_customers(program: Path, out: Path, count: int) -> Path:
    """A data folder with so many customers more than those of the benchmark, and no consents; raises RigError."""

    def fill(config: Path) -> None:
        file = config.parent / "many.toml"
        with file.open("w") as written:
            for number in range(count):
                written.write(_CUSTOMER.format(number=number, address=FIRST_CUSTOMER + number))
        gateways.run(program, config, "customers", "apply", file)

    return _made(program, out, f"customers-{REVISION}-{count}", fill)


def with_history(program: Path, out: Path, records: int) -> Path:
    """A data folder whose audit has so many records, and no consents; raises RigError."""

    def fill(config: Path) -> None:
        settings = load_settings(config)
        stores = Stores.open(settings)
        try:
            evidence = Evidence(settings, stores, lambda: datetime.now(UTC))
            for number in (1, 2):
                asyncio.run(_write(evidence, f"worker-{number}", records // 4))
        finally:
            stores.close()

    return _made(program, out, f"history-{REVISION}-{records}", fill)


def _made(program: Path, out: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """The data folder of that name: a copy of the one without consents, and what `fill` puts into it."""
    made = out / name
    if made.is_dir():
        return made / "data"
    new = made.with_name(f"{name}.{os.getpid()}.new")
    shutil.copytree(gateways.registry(program, out, 0).parent, new)
    try:
        config, _ = gateways.configure(new, 25, "memory://")
        fill(config)
        new.rename(made)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return made / "data"


async def _write(evidence: Evidence, process: str, messages: int) -> None:
    """So many messages that passed, into the chain of a process."""
    journal = evidence.open(process, version="bench", wait_seconds=0)
    sender = Address.parse(f"sender0@{gateways.DOMAIN}")
    for start in range(0, messages, _GROUP):
        numbers = range(start, min(start + _GROUP, messages))
        references = [f"01{process[-1]}{number:023}" for number in numbers]
        accepted = [
            decision(
                reference,
                customer=gateways.CUSTOMER,
                credential="127.0.0.0/10",
                recipients=(Address.parse(f"user{number}@example.org"),),
                reverse_path=sender,
                header_from=(sender,),
                message_id=f"<{process}.{number}@load.{gateways.DOMAIN}>",
            )
            for reference, number in zip(references, numbers, strict=True)
        ]
        await asyncio.gather(*(journal.append(each) for each in accepted))
        await asyncio.gather(*(journal.append(outcome(reference)) for reference in references))
    await journal.close()
