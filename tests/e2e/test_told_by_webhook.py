"""The program as a process, with a worker: a limit that is reached over SMTP is told to the customer's webhook, once."""

import asyncio
import json
from pathlib import Path

from tests.rig.hooks import Hooks
from tests.rig.postern import NETS, Postern
from tests.rig.sink import Sink
from tests.rig.smtp_client import send

MESSAGE = b"From: ann@nets.example\r\nTo: bob@else.example\r\nSubject: Hello\r\n\r\nHello.\r\n"


async def test_the_process_that_serves_http_tells_what_its_worker_found(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        webhook = {"url": f"https://localhost:{hooks.port}/T0PSECRET"}
        customers = [{**NETS, "webhook": webhook, "limits": {"messages_per_day": 2}}]
        settings = {"webhooks": {"allow_networks": ["127.0.0.0/8", "::1/128"], "ca_file": str(hooks.certificate.cert)}}
        with Sink() as sink:
            postern = Postern(
                tmp_path / "gw", sink.port, customers=customers, settings=settings, arguments=["--workers", "1"]
            )
            await asyncio.to_thread(postern.prepare().start)
            try:
                replies = [
                    await asyncio.to_thread(send, postern.port, MESSAGE, "ann@nets.example", "bob@else.example")
                    for _ in range(4)
                ]
                (told,) = await hooks.until(1)
                shown = await asyncio.to_thread(postern.command, "webhooks", "list", "--json")
            finally:
                status = await asyncio.to_thread(postern.process.stop)
        assert status == 0
    assert [reply[:3] for reply in replies] == ["250", "250", "450", "450"]
    assert "2 messages per day" in replies[2]
    data = json.loads(told.body)["data"]
    assert (data["scope"], data["measure"], data["window"], data["level"]) == ("customer", "messages", "day", 100)
    assert (data["used"], data["cap"]) == (2, 2)
    assert len(json.loads(shown)) == 1
    assert len(hooks.received) == 1, "told once"
    assert "T0PSECRET" not in postern.process.log_text()
