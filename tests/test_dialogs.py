"""Every SMTP dialogue in tests/dialogs, over real sockets, against a whole gateway."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config.limits import LimitsPolicy
from config.policy import Policy
from gateway.app import Gateway
from tests.gateway.nexthop.conftest import make_certificate
from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.dialogs import Dialog, Player, read_dialogs
from tests.rig.gateway import HASH, running
from tests.rig.processes import has_ipv6
from tests.rig.smtpd import Smtpd

ALL = list(read_dialogs("*.txt"))
LIMITED = "limits"
"""The dialogues about limits, each with its own credential, have a gateway of their own, whose clock stands still."""
BULK = "bulk"
"""Those about bulk mail have one with a credential of each stream (tests/rig/bulk.py)."""
OF_CREDENTIALS: dict[str, dict[str, Any]] = {
    "recipients": {"recipients_per_hour": 2},
    "hard": {"recipients_per_30_days": 1, "hard": ["recipients_per_30_days"]},
    "messages": {"messages_per_day": 1},
    "bytes": {"bytes_per_minute": 60},
    "nothing": {"messages_per_hour": 0},
    "free": {},
}
LISTENERS = [
    {"address": "127.0.0.1:0", "auth_without_tls": True},
    {"address": "127.0.0.1:0", "auth_without_tls": True, "proxy_from": ["127.0.0.3", "127.0.1.0/24"]},
    {"address": "127.0.0.1:0", "role": "inbound"},
    *([{"address": "[::1]:0", "auth_without_tls": True, "proxy_from": ["::5"]}] if has_ipv6() else []),
]
"""A dialogue names one by its number."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Smtpd]]:
    """One gateway for all dialogues: each is a connection of its own. Its next hop offers all that we pass on."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    certificate = make_certificate(folder, "localhost", "127.0.0.1")
    files = {"cert_file": str(certificate.path), "key_file": str(certificate.path)}
    keywords = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 10485760", "DSN", "REQUIRETLS")
    async with Smtpd(keywords=keywords, tls=certificate.context) as hop:
        encrypting = [{"address": "127.0.0.1:0", "tls": tls, **files} for tls in ("starttls", "implicit")]
        settings = {
            "smtp": {"listeners": [*LISTENERS, *encrypting]},
            "next_hops": [
                {
                    "name": "default",
                    "addresses": [hop.address],
                    "tls": "starttls",
                    "ca_file": str(certificate.path),
                }
            ],
        }
        async with running(folder, hop=hop, settings=settings) as (gateway, _, _):
            yield gateway, hop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def limited(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Smtpd]]:
    """A gateway with limits."""
    limits = {
        "recipient_by_customer": {"messages_per_hour": 2},
        "recipient_domain": {"recipients_per_hour": 20},
        "operator": {"bytes_per_day": 2000},
        "report": {"recipients_per_hour": 1},
        "exempt_recipients": ["journal@recipient.example", "archive.example"],
    }
    credentials = [
        {"username": f"limited-{name}", "password_hash": HASH, "limits": each} for name, each in OF_CREDENTIALS.items()
    ]
    watched = {"username": "observed-recipients", "password_hash": HASH, "limits": {"recipients_per_hour": 1}}
    customers: list[dict[str, Any]] = [
        {"id": "acme", "name": "Acme Ltd", "domains": ["acme.example"], "credentials": credentials},
        {"id": "obs", "name": "Obs", "domains": ["obs.example"], "mode": "observe", "credentials": [watched]},
    ]
    policy = Policy(limits=LimitsPolicy.model_validate(limits))
    folder = tmp_path_factory.mktemp("limited")
    async with running(folder, customers=customers, policy=policy) as (gateway, hop, _):
        yield gateway, hop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bulk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Smtpd]]:
    """A gateway whose customer sends bulk mail."""
    async with running(tmp_path_factory.mktemp("bulk"), customers=BULK_CUSTOMERS) as (gateway, hop, _):
        yield gateway, hop


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("dialog", [each for each in ALL if each.file == BULK], ids=lambda dialog: dialog.title)
async def test_dialog_about_bulk_mail(dialog: Dialog, bulk: tuple[Gateway, Smtpd]) -> None:
    gateway, hop = bulk
    hop.forget()
    await Player(gateway, hop).play(dialog)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("dialog", [each for each in ALL if each.file == LIMITED], ids=lambda dialog: dialog.title)
async def test_dialog_about_limits(dialog: Dialog, limited: tuple[Gateway, Smtpd]) -> None:
    gateway, hop = limited
    hop.forget()
    await Player(gateway, hop).play(dialog)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "dialog",
    [each for each in ALL if each.file not in (LIMITED, BULK)],
    ids=lambda dialog: f"{dialog.file}: {dialog.title}",
)
async def test_dialog(dialog: Dialog, up: tuple[Gateway, Smtpd]) -> None:
    gateway, hop = up
    if dialog.file == "ipv6" and not has_ipv6():
        pytest.skip("this machine has no ::1")
    hop.forget()
    await Player(gateway, hop).play(dialog)


ROWS = (20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40, 41, 44, 46, 49)
"""Rows of the conformance list that one connection can show. The others are about time, load and death: R-039, R-045 and
R-048 are shown in tests/gateway/smtp/test_session.py and tests/regress, R-042 and R-047 in tests/e2e."""


def test_each_row_of_the_conformance_list_has_its_dialogue() -> None:
    shown = {int(number) for dialog in ALL for number in re.findall(r"R-(\d{3})", dialog.title)}
    assert set(ROWS) - shown == set()


def test_titles_differ() -> None:
    titles = [(dialog.file, dialog.title) for dialog in ALL]
    assert len(set(titles)) == len(titles)
