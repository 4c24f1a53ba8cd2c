"""A domain with thousands of long MX records: reading its answer took ten seconds of the event loop, for everybody."""

import asyncio
import time

import pytest

from gateway.dns import Away, Resolver
from tests.rig.dns import Dns


@pytest.mark.parametrize(
    ("trouble", "why"),
    [("huge", r"an answer of 6\d{4} octets, above 4096"), ("many", "an answer of more than 64 records")],
)
async def test_an_answer_that_is_huge_is_not_read(trouble: str, why: str) -> None:
    with Dns().serving() as dns:
        dns.trouble["evil.example"] = trouble
        resolver = Resolver([dns.address], asyncio.get_running_loop().time)
        used = time.thread_time()
        with pytest.raises(Away, match=why):
            await resolver.mail.get("evil.example", 60)
        assert time.thread_time() - used < 1
        await resolver.close()
