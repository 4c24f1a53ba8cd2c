"""Commands act as the operator, in the journal `cli`; questions take no lock and record nothing."""

from pathlib import Path

import pytest

from config.settings import load_settings
from consent.address import Address
from gateway.audit.errors import JournalError
from gateway.cli.acting import acting, asking
from gateway.cli.context import cli_journal
from gateway.consents import By, ConsentRefused, Unrecorded
from gateway.stores import Stores
from tests.rig.cli import Desk
from tests.rig.registry_desk import BOB, LISTED, imported


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return imported(tmp_path)


def test_a_question_waits_for_nobody_and_records_nothing(desk: Desk) -> None:
    settings = load_settings(desk.folder / "postern.toml")
    stores = Stores.open(settings)
    with cli_journal(settings, stores):  # another command is at it
        assert desk.run("consent", "check", BOB, *LISTED).exit_code == 0
        assert desk.run("consent", "show", BOB, "--customer", "acme").exit_code == 0
        before = len(desk.records())
        consents = asking(settings, stores)
        customer = stores.customers.get("acme").customer
        with pytest.raises(JournalError, match="only a question was asked"):
            consents.withdraw(customer, Address.parse(BOB), By("ann@gw1", operator=True))
    assert len(desk.records()) == before
    assert desk.run("consent", "check", BOB, *LISTED).exit_code == 0
    stores.close()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConsentRefused("at: lies in the future"), "postern: at: lies in the future\n"),
        (Unrecorded("the disk is full"), "postern: done, but the audit could not record it: the disk is full\n"),
    ],
)
def test_what_is_refused_or_unrecorded_is_status_2(
    desk: Desk, error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(desk.folder / "postern.toml")
    stores = Stores.open(settings)
    with pytest.raises(SystemExit) as ended:
        with acting(settings, stores) as (consents, by):
            assert (by.operator, by.origin) == (True, "cli")
            assert "@" in by.actor
            raise error
    assert ended.value.code == 2
    assert capsys.readouterr().err == message
    stores.close()
