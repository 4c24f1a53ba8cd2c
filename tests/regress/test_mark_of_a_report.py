"""One word that marks a report (Auto-Submitted, a Subject, the text of a bounce) freed a campaign from being counted."""

from pathlib import Path

import pytest

from config.limits import LimitsPolicy
from config.policy import Policy
from tests.rig.gateway import running
from tests.rig.talk import Talk

TEXT = (
    "Dear friend, we have wonderful watches for you, made of steel and glass, with leather straps in nine colours, and "
    "they will be brought to your door within three days of your order."
)
START = 20


async def sent(talk: Talk, number: int, fields: str, text: str = TEXT, path: str = "ann@acme.example") -> str:
    assert (await talk.ask(f"MAIL FROM:<{path}>")).startswith("250 ")
    assert (await talk.ask(f"RCPT TO:<r{number}@recipient.example>")).startswith("250 ")
    assert (await talk.ask("DATA")).startswith("354 ")
    return await talk.ask(f"From: ann@acme.example\r\n{fields}\r\n\r\n{text}\r\n.\r\n".encode())


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("Auto-Submitted: auto-generated", TEXT),
        ("Auto-Submitted: auto-replied", TEXT),
        ("Auto-Submitted: auto-replied\r\nAuto-Submitted: auto-generated\r\nIn-Reply-To: <1@recipient.example>", TEXT),
        ("Subject: Automatic reply: Watches", TEXT),
        ("X-Autoreply: yes", TEXT),
        ("Subject: Undeliverable: Watches", TEXT),
        ("Subject: Watches", f"Undeliverable joy! {TEXT}"),
        ("Content-Type: multipart/report; boundary=b", f"--b\r\n\r\n{TEXT}\r\n--b--"),
    ],
)
async def test_a_mark_alone_frees_nothing_from_slow_start(tmp_path: Path, fields: str, text: str) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        replies = [await sent(talk, number, fields, text) for number in range(START + 3)]
        talk.writer.close()
    assert [reply[:9] for reply in replies[-3:]] == ["450 4.7.2"] * 3
    assert len(hop.accepted) == START


async def test_answers_are_not_counted_while_the_limit_of_reports_has_room(tmp_path: Path) -> None:
    answer = "Auto-Submitted: auto-replied\r\nIn-Reply-To: <{}@recipient.example>"
    policy = Policy(limits=LimitsPolicy.model_validate({"report": {"recipients_per_hour": 30}}))
    async with running(tmp_path, policy=policy) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        replies = [await sent(talk, number, answer.format(number)) for number in range(30 + START + 3)]
        talk.writer.close()
    assert [reply[:3] for reply in replies] == ["250"] * (30 + START) + ["450"] * 3
