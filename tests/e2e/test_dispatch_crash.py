"""`kill -9` of what delivers: whatever was not taken is delivered by the next, on SQLite and on PostgreSQL."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from consent.database import Database
from consent.outbox import Outbox
from gateway.webhooks import LEASE
from tests.gateway.test_webhooks import until
from tests.rig.hooks import Hooks
from tests.rig.processes import Process

pytest_plugins = ("tests.rig.contracts",)

CUSTOMERS, EACH = 5, 4
ROOT = Path(__file__).parents[2]


def deliverer(folder: Path, url: str, hooks: Hooks, ahead: float = 0) -> Process:
    asked = {
        "folder": str(folder),
        "registry": url,
        "url": hooks.url,
        "ca": str(hooks.certificate.cert),
        "ahead": ahead,
    }
    command = [sys.executable, "-m", "tests.rig.deliverer", json.dumps(asked)]
    return Process(command, folder / "deliverer.log", folder=ROOT)


async def test_a_killed_process_loses_nothing(database: Database, url: str, tmp_path: Path) -> None:
    outbox, now = Outbox(database), datetime.now(UTC)
    ids = {
        outbox.add(f"customer-{number}", "test", {"number": each}, now)
        for number in range(CUSTOMERS)
        for each in range(EACH)
    }
    async with Hooks(tmp_path, *[200] * 7, "hang") as hooks:
        with deliverer(tmp_path, url, hooks) as first:
            await hooks.until(7 + CUSTOMERS)
            await asyncio.to_thread(first.kill)
        before = [each.headers["webhook-id"] for each in hooks.received]
        assert len(outbox.list(status="delivered")) <= 7
        hooks.acts = [200]
        with deliverer(tmp_path, url, hooks, LEASE.total_seconds()):
            await until(lambda: len(outbox.list(status="delivered")) == len(ids))
    after = [each.headers["webhook-id"] for each in hooks.received[len(before) :]]
    assert {*before, *after} == ids
    assert {*before[7:]} <= {*after}, "what was under way is delivered again, under its id"
    assert len(after) == len(set(after))
