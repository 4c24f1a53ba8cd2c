"""A message taken for a repeat, whose first was told to another session meanwhile, was forwarded and not charged."""

from pathlib import Path

import pytest

from gateway.repeats import Repeats
from tests.gateway.test_limited_mail import limited, used
from tests.rig.talk import CLEAN


async def test_it_is_charged_and_put_off_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with limited(tmp_path, customer={"messages_per_hour": 1}) as (gateway, hop, talk):
        for code, messages in (("250 ", 1), ("450 4.7.0 Limit of this account", 1)):
            # A repeat when it is decided on, and none when it would be forwarded.
            found = iter(["01JD0000000000000000000000", None])
            monkeypatch.setattr(Repeats, "find", lambda *_, found=found: next(found))
            await talk.up_to_data()
            assert (await talk.ask(CLEAN)).startswith(code)
            assert (await used(gateway))["messages"] == messages
            assert len(hop.accepted) == 1
