"""What we sign still verifies behind a real Postfix that is set as the operator's guide says."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dkim
import pytest

from consent.address import Address
from consent.dkim_keys import DkimKey
from filters.message import Message
from gateway.app import Gateway
from gateway.sign import generate
from tests.bench.dkim import ALGORITHMS, altered, by_dkimpy, by_opendkim
from tests.rig.bulk import CUSTOMER as CUSTOMER_OF_BULK
from tests.rig.bulk import campaign, consents
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


BULK = {**CUSTOMER_OF_BULK, "unsubscribe": "insert"}
BULK_COUNT = 40


@dataclass
class Relayed:
    """A gateway with two keys that sign for acme.example, a Postfix behind it, and what arrived behind that."""

    gateway: Gateway
    sink: Smtpd
    keys: list[tuple[bytes, DkimKey]]


@contextlib.asynccontextmanager
async def relayed(folder: Path, customer: dict[str, Any], now: datetime, **settings: Any) -> AsyncIterator[Relayed]:
    """All of them up, at the time `now`."""
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Smtpd())
        postfix = PostfixInstance("signed", free_port(), relay_to(int(sink.address.rpartition(":")[2])))
        stack.enter_context(postfix)
        hops = [{"name": "default", "addresses": [f"127.0.0.1:{postfix.port}"]}]
        up = running(folder, hop=sink, customers=[customer], settings={"next_hops": hops, **settings})
        gateway, _, _ = await stack.enter_async_context(up)
        keys = []
        for algorithm in ALGORITHMS:
            private, public = generate(algorithm)
            key = gateway.stores.dkim_keys.add("acme", "acme.example", algorithm, algorithm, public, private, now)
            gateway.stores.dkim_keys.activate(key, now)
            keys.append((private, key))
        await gateway.refresh()
        yield Relayed(gateway, sink, keys)


async def test_signatures_survive_a_postfix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = Clock().now
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=now.timestamp))
    async with relayed(tmp_path, CUSTOMER, now) as found:
        talk = await Talk.to(found.gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        for number in range(COUNT):
            assert (await talk.ask("MAIL FROM:<ann@acme.example> BODY=8BITMIME")).startswith("250 ")
            assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
            assert (await talk.ask("DATA")).startswith("354 ")
            raw = shape(number, largest=100_000)
            reply = await talk.ask((b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
            assert reply.startswith("250 "), number
        talk.writer.close()
        await found.sink.until(lambda: len(found.sink.accepted) == COUNT, 60)
    arrived = [(number, each.content) for number, each in enumerate(found.sink.accepted)]
    assert by_dkimpy(found.keys, tmp_path, arrived) == {key: [True, True] for key in range(COUNT)}


async def test_the_two_fields_that_we_put_into_bulk_mail_are_signed_and_cannot_be_altered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Clock().now
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=now.timestamp))
    people = [f"reader-{number}@recipient.example" for number in range(BULK_COUNT)]
    http = {"address": "127.0.0.1:0", "public_url": "https://u.gw.example"}
    async with relayed(tmp_path, BULK, now, http=http) as found:
        await consents(found.gateway, *people)
        talk = await Talk.to(found.gateway.smtp_addresses[0])
        assert (await talk.login("acme-bulk")).startswith("235 ")
        for each in people:
            bare = b"\r\n".join(line for line in campaign(each).split(b"\r\n") if not line.startswith(b"List-"))
            for line in ("MAIL FROM:<news@acme.example>", f"RCPT TO:<{each}>"):
                assert (await talk.ask(line)).startswith("250 ")
            assert (await talk.ask("DATA")).startswith("354 ")
            assert (await talk.ask(bare)).startswith("250 ")
        talk.writer.close()
        await found.sink.until(lambda: len(found.sink.accepted) == BULK_COUNT, 60)
    arrived = [(number, each.content) for number, each in enumerate(found.sink.accepted)]
    reached = set()
    for _, content in arrived:
        message = Message(content)
        (field,), (post,) = message.all("list-unsubscribe"), message.all("list-unsubscribe-post")
        text = b"".join(field.unfolded.split()).decode()
        token = found.gateway.unsubscribe_tokens.read(text.partition("https://u.gw.example/u/")[2].partition(">")[0])
        assert token.list == "spring"
        assert post.unfolded.strip() == b"List-Unsubscribe=One-Click"
        reached.add(token.key)
        for signature in message.all("dkim-signature"):
            names = b"".join(signature.unfolded.split()).partition(b"h=")[2].partition(b";")[0].lower().split(b":")
            assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(names)
    keys = found.gateway.stores.secrets
    assert reached == {keys.subject_octets(Address.parse(each)) for each in people}
    touched = [(number, altered(content) or b"") for number, content in arrived]
    for judge in (by_dkimpy, by_opendkim) if shutil.which("opendkim") else (by_dkimpy,):
        assert judge(found.keys, tmp_path, arrived) == {key: [True, True] for key in range(BULK_COUNT)}
        assert judge(found.keys, tmp_path, touched) == {key: [False, False] for key in range(BULK_COUNT)}
