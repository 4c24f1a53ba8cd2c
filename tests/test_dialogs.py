"""Every SMTP dialogue in tests/dialogs, over real sockets, against a whole gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.app import Gateway
from tests.rig.dialogs import Dialog, Player, read_dialogs
from tests.rig.gateway import running
from tests.rig.processes import has_ipv6
from tests.rig.smtpd import Smtpd

ALL = list(read_dialogs("*.txt"))
LISTENERS = [
    {"address": "127.0.0.1:0", "auth_without_tls": True},
    {"address": "127.0.0.1:0", "auth_without_tls": True, "proxy_from": ["127.0.0.3", "127.0.1.0/24"]},
    {"address": "127.0.0.1:0", "role": "inbound"},
    *([{"address": "[::1]:0", "auth_without_tls": True, "proxy_from": ["::5"]}] if has_ipv6() else []),
]
"""A dialogue names one by its number."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Smtpd]]:
    """One gateway for all dialogues: each is a connection of its own."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    async with running(folder, settings={"smtp": {"listeners": LISTENERS}}) as (gateway, hop, _):
        yield gateway, hop


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("dialog", ALL, ids=lambda dialog: f"{dialog.file}: {dialog.title}")
async def test_dialog(dialog: Dialog, up: tuple[Gateway, Smtpd]) -> None:
    gateway, hop = up
    if dialog.file == "ipv6" and not has_ipv6():
        pytest.skip("this machine has no ::1")
    hop.forget()
    await Player(gateway, hop).play(dialog)


def test_titles_differ() -> None:
    titles = [(dialog.file, dialog.title) for dialog in ALL]
    assert len(set(titles)) == len(titles)
