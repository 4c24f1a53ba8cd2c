"""A gateway that was stopped in the instant a delivery ended never stopped: the cancellation was lost."""

import asyncio
from pathlib import Path

from tests.gateway.test_webhooks import delivering, until


async def test_a_cancellation_that_comes_with_the_end_of_a_delivery_is_not_lost(tmp_path: Path) -> None:
    async with delivering(tmp_path) as (made, hooks):
        worker = asyncio.create_task(made.webhooks.run())
        ended = made.webhooks._look
        await until(lambda: bool(vars(ended)["_waiters"]))
        ended.set()
        worker.cancel()
        done, _ = await asyncio.wait((worker,), timeout=60)
        assert done
        assert worker.cancelled()
