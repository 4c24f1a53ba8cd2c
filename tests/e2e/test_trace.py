"""A message that comes back to us is known by the id in our line; one that only looks so is refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from tests.rig.dns import Dns
from tests.rig.gateway import CUSTOMERS, decisions, running
from tests.rig.talk import Talk

FROM = b"From: ann@acme.example\r\n"


@contextlib.asynccontextmanager
async def session(gateway: Gateway) -> AsyncIterator[Talk]:
    """A session of customer acme."""
    talk = await Talk.to(gateway.smtp_addresses[0])
    await talk.login()
    yield talk
    talk.writer.close()


async def send(talk: Talk, message: bytes, *recipients: str) -> str:
    """The reply to the final dot."""
    await talk.ask("MAIL FROM:<ann@acme.example>")
    for recipient in recipients or ("bob@recipient.example",):
        assert (await talk.ask(f"RCPT TO:<{recipient}>")).startswith("250 ")
    await talk.ask("DATA")
    return await talk.ask(message + b".\r\n")


def codes(decision: Mapping[str, Any]) -> list[str]:
    """The codes of its findings."""
    return [finding["code"] for finding in decision["findings"]]


async def test_our_own_line_is_known_again_and_a_changed_id_in_it_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _), session(gateway) as talk:
        reply = await send(talk, FROM + b"\r\nbody\r\n")
        reference = reply.partition("ref ")[2][:26]
        sent = hop.messages[0].content
        assert f"id {reference}-".encode() in sent
        for _ in range(5):
            assert (await send(talk, sent)).startswith("250 ")
            sent = hop.messages[-1].content
        assert [codes(each) for each in decisions(gateway)] == [[]] * 6
        assert (await send(talk, sent)).startswith("250 ")
        assert codes(decisions(gateway)[-1]) == ["TRACE-LOOP"]
        forged = hop.messages[0].content.replace(f"id {reference}-".encode(), f"id {reference[:-1]}0-".encode())
        assert (await send(talk, forged)).startswith("550 5.7.1 A Received header field bears an id of this server")
        bare = b"Received: from x by gw.example with ESMTPSA id " + reference.encode() + b"; x\r\n" + FROM + b"\r\n"
        assert (await send(talk, bare)).startswith("550 5.7.1 ")


async def test_results_in_our_name_or_another_customers_are_refused_and_ones_own_pass(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _), session(gateway) as talk:
        for name, code in ((b"gw.example", "550"), (b"mx.nets.example", "550"), (b"mx.acme.example", "250")):
            reply = await send(talk, FROM + b"Authentication-Results: " + name + b"; spf=pass\r\n\r\n")
            assert reply.startswith(code)
        assert len(hop.messages) == 1


async def test_the_host_that_greets_us_is_the_customers_and_another_is_observed(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __), session(gateway) as talk:
        for host in (b"Client.Example", b"relay.foreign.example"):
            line = b"Received: from x by " + host + b" with ESMTP id 1; Fri, 20 Nov 2026 09:59:00 +0000\r\n"
            assert (await send(talk, line + FROM + b"\r\n")).startswith("250 ")
        assert [codes(each) for each in decisions(gateway)] == [[], ["TRACE-UPSTREAM"]]


RECORDS = {"acme.example": {"MX": ["10 mx.acme.example."]}, "null.example": {"MX": ["0 ."]}}


async def test_domains_are_asked_about_and_observed(tmp_path: Path) -> None:
    with Dns(RECORDS).serving() as server:
        dns = {"dns": {"servers": [server.address]}}
        async with running(tmp_path, settings=dns) as (gateway, _, __), session(gateway) as talk:
            message = FROM + b"\r\nbody\r\n"
            assert (await send(talk, message, "a@null.example", "b@gone.example")).startswith("250 ")
            assert codes(decisions(gateway)[-1]) == ["DNS-RECIPIENT", "DNS-RECIPIENT-NULL-MX"]


async def test_an_operator_may_refuse_what_is_found(tmp_path: Path) -> None:
    customers = [{**CUSTOMERS[0], "actions": {"DNS-RECIPIENT-NULL-MX": "reject"}}]
    with Dns(RECORDS).serving() as server:
        dns = {"dns": {"servers": [server.address]}}
        async with running(tmp_path, settings=dns, customers=customers) as (gateway, _, __), session(gateway) as talk:
            reply = await send(talk, FROM + b"\r\nbody\r\n", "a@null.example")
            assert reply.startswith("556 5.1.10 Recipient domain accepts no mail")


@pytest.mark.parametrize("silent", [True, False])
async def test_a_dead_resolver_costs_the_deadline_and_refuses_nothing(tmp_path: Path, silent: bool) -> None:
    every = ("DNS-SENDER", "DNS-SENDER-DEAF", "DNS-RECIPIENT", "DNS-RECIPIENT-NULL-MX")
    customers = [{**CUSTOMERS[0], "actions": dict.fromkeys(every, "reject")}]
    with Dns().serving() as server:
        server.trouble = {"acme.example": "silent", "recipient.example": "silent"}
        address = server.address if silent else "127.0.0.1:9"
        dns = {"dns": {"servers": [address]}}
        async with running(tmp_path, settings=dns, customers=customers) as (gateway, _, __), session(gateway) as talk:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            assert (await send(talk, FROM + b"\r\nbody\r\n")).startswith("250 ")
            assert loop.time() - begun < 2.5
            assert codes(decisions(gateway)[-1]) == []
