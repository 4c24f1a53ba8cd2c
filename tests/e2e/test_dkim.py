"""What we sign still verifies behind a real Postfix that is set as the operator's guide says."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import dkim
import pytest

from consent.dkim_keys import DkimKey
from filters.message import Message
from gateway.sign import generate
from tests.rig.dkim_shapes import shape
from tests.rig.gateway import Clock, running
from tests.rig.postfix import PostfixInstance, relay_to
from tests.rig.processes import free_port
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk

pytestmark = pytest.mark.postfix
COUNT = 60
CUSTOMER = {
    "id": "acme",
    "name": "Acme Ltd",
    "domains": ["acme.example"],
    "mode": "observe",  # messages of every shape, some of which rules would refuse
    "credentials": [{"networks": ["127.0.0.1/32"]}],
}


async def test_signatures_survive_a_postfix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = Clock().now
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=now.timestamp))
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Smtpd())
        settings = relay_to(int(sink.address.rpartition(":")[2]))
        postfix = stack.enter_context(PostfixInstance("signed", free_port(), settings))
        hops = [{"name": "default", "addresses": [f"127.0.0.1:{postfix.port}"]}]
        up = running(tmp_path, hop=sink, customers=[CUSTOMER], settings={"next_hops": hops})
        gateway, _, _ = await stack.enter_async_context(up)
        records = {}
        for algorithm in ("rsa", "ed25519"):
            private, public = generate(algorithm)
            key: DkimKey = gateway.stores.dkim_keys.add(
                "acme", "acme.example", algorithm, algorithm, public, private, now
            )
            gateway.stores.dkim_keys.activate(key, now)
            records[f"{key.name}.".encode()] = key.record.encode()
        await gateway.refresh()
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        for number in range(COUNT):
            assert (await talk.ask("MAIL FROM:<ann@acme.example> BODY=8BITMIME")).startswith("250 ")
            assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
            assert (await talk.ask("DATA")).startswith("354 ")
            raw = shape(number, largest=100_000)
            reply = await talk.ask((b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
            assert reply.startswith("250 "), number
        talk.writer.close()
        await sink.until(lambda: len(sink.accepted) == COUNT, 60)
    for arrived in sink.accepted:
        assert len(Message(arrived.content).all("dkim-signature")) == 2
        for at in range(2):
            assert dkim.DKIM(arrived.content).verify(at, dnsfunc=lambda name, timeout: records[name])
