"""The HTTP library logged every request with its whole URL, in whose path a customer may keep a secret."""

import logging
from pathlib import Path

import pytest

from tests.gateway.test_webhooks import delivering


async def test_the_path_of_a_webhook_is_logged_by_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with delivering(tmp_path, 500, 200) as (made, hooks):
        for _ in range(2):
            made.know("acme", f"{hooks.url}/T0PSECRET?key=T0PSECRET")
            made.add()
            await made.round()
        assert len(hooks.received) == 2
    assert "answered 500" in caplog.text
    assert "T0PSECRET" not in caplog.text
