"""A customer that suppressed an address once more itself could lift what the operator had suppressed for it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consent.model import Reason
from gateway.consents import ConsentRefused, Stop
from gateway.stores import Stores
from tests.gateway.test_consents import ACME, BOB, OPERATOR, OPT_IN, OWN, Desk
from tests.rig.gateway import Clock, settings_for

MANUAL = Stop(BOB, Reason.MANUAL)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A registry in which BOB has opted in."""
    stores = Stores.open(settings_for(tmp_path, "127.0.0.1:1"))
    stores.customers.apply([ACME], Clock().now)
    desk = Desk(stores)
    desk.consents.record(ACME, BOB, OPT_IN, OWN)
    yield desk
    stores.close()


def test_a_suppression_of_the_customers_own_does_not_make_the_operators_its_to_lift(desk: Desk) -> None:
    for stop in (MANUAL, Stop(BOB, Reason.HARD_BOUNCE)):
        desk.consents.suppress(ACME, stop, OPERATOR)
        desk.tick()
        desk.consents.suppress(ACME, stop, OWN)
        desk.tick()
        with pytest.raises(ConsentRefused, match="no suppression of yours"):
            desk.consents.lift(ACME, stop, OWN)
    assert desk.reason() == "RCPT-INVALID"


def test_what_the_operator_lifted_or_let_end_does_not_bind_the_customer(desk: Desk) -> None:
    desk.consents.suppress(ACME, MANUAL, OPERATOR)
    desk.tick()
    desk.consents.lift(ACME, MANUAL, OPERATOR)
    ending = Stop(BOB, Reason.MANUAL, until=desk.clock.now + timedelta(hours=1))
    desk.consents.suppress(ACME, ending, OPERATOR)
    desk.tick(hours=2)
    desk.consents.suppress(ACME, MANUAL, OWN)
    assert desk.reason() == "SUPPRESSED"
    desk.tick()
    desk.consents.lift(ACME, MANUAL, OWN)
    assert desk.reason() is None


def test_a_list_of_the_customers_own_stays_its_to_lift(desk: Desk) -> None:
    desk.consents.suppress(ACME, MANUAL, OPERATOR)
    own = Stop(BOB, Reason.MANUAL, list="newsletter")
    desk.consents.suppress(ACME, own, OWN)
    desk.tick()
    desk.consents.lift(ACME, own, OWN)
    assert desk.reason() == "SUPPRESSED"
