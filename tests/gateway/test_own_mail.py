"""Own mail: what the next hop takes, what it will not take, and what nobody knows."""

from pathlib import Path
from typing import Any

import pytest

from gateway import own_mail as module
from gateway.own_mail import MailFailed, OwnMail
from tests.rig.gateway import settings_for
from tests.rig.smtpd import CUT, STALL, Smtpd

OCTETS = b"Subject: x\r\n\r\nhello\r\n"


async def send(folder: Path, hop: str) -> Any:
    settings = settings_for(folder, hop)
    return await OwnMail().send(
        settings, settings.next_hops[0], "acme", "post@acme.example", "bob@recipient.example", OCTETS
    )


async def test_it_arrives_as_it_was_written_and_the_reply_comes_back(tmp_path: Path) -> None:
    async with Smtpd(script={"DOT": "250 2.0.0 queued as 4XyZ"}) as hop:
        delivery = await send(tmp_path, hop.address)
        (got,) = hop.messages
    assert (got.reverse_path, got.recipients, got.content) == (
        "<post@acme.example>", ("bob@recipient.example",), OCTETS,
    )  # fmt: skip
    assert delivery.answer == "250 2.0.0 queued as 4XyZ"


@pytest.mark.parametrize(
    ("script", "final", "unknown"),
    [
        ({"RCPT": "550 5.1.1 No such user"}, True, False),
        ({"RCPT": "452 4.2.2 Full"}, False, False),
        ({"DOT": "554 5.6.0 No"}, True, False),
        ({"DOT": "451 4.3.0 Later"}, False, False),
        ({"DOT": CUT}, False, True),
        ({"GREETING": "554 5.3.2 Closed"}, False, False),
    ],
)
async def test_what_is_refused_for_good_for_now_and_what_nobody_knows(
    tmp_path: Path, script: Any, final: bool, unknown: bool
) -> None:
    async with Smtpd(script=script) as hop:
        with pytest.raises(MailFailed) as failed:
            await send(tmp_path, hop.address)
    assert (failed.value.final, failed.value.unknown) == (final, unknown)


async def test_one_that_takes_too_long_may_have_taken_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_SECONDS", 0.5)
    async with Smtpd(script={"DOT": STALL}) as hop:
        with pytest.raises(MailFailed, match=r"within 0\.5 s") as failed:
            await send(tmp_path, hop.address)
        assert (failed.value.final, failed.value.unknown) == (False, True)
