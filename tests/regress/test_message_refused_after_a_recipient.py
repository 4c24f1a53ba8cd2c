"""A message refused by the limit that had refused one of its recipients before stood nowhere in the audit."""

from pathlib import Path

from tests.gateway.test_limited_mail import limited, rcpt
from tests.rig.gateway import decisions
from tests.rig.talk import CLEAN


async def test_the_refusal_of_the_message_is_recorded_beside_that_of_a_recipient(tmp_path: Path) -> None:
    async with limited(tmp_path, customer={"recipients_per_hour": 3, "messages_per_hour": 1}) as (gateway, hop, talk):
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 ")
        replies = await rcpt(talk, "a", "b", "c", "d")
        assert [reply[:3] for reply in replies] == ["250", "250", "450", "450"]
        assert (await talk.ask("DATA")).startswith("354 ")
        reply = await talk.ask(CLEAN)
        assert reply.startswith("450 4.7.0 Limit of this account reached: 1 messages per hour")
        await talk.ask("NOOP")
        assert len(hop.accepted) == 1
    found = [each for each in decisions(gateway) if each["verdict"] == "defer"]
    assert [(each["phase"], len(each["recipients"])) for each in found] == [("rcpt", 1), ("data", 2), ("rcpt", 1)]
    assert {each["reference"] for each in found} == {reply.rpartition("ref ")[2]}
