"""How many requests of a kind that lasts run at once."""

from contextlib import ExitStack

import pytest

from gateway.http.problems import Problem
from gateway.http.slots import Slots


def test_one_customer_leaves_slots_to_the_others() -> None:
    slots = Slots(3, 2, "files are being received")
    with ExitStack() as held:
        for _ in range(2):
            slots.check("acme")
            held.enter_context(slots.held("acme"))
        with pytest.raises(Problem, match="2 files are being received for this customer") as refused:
            slots.check("acme")
        assert refused.value.status == 503
        assert refused.value.headers["Retry-After"]
        slots.check("nets")
        held.enter_context(slots.held("nets"))
        with pytest.raises(Problem, match="3 files are being received;"):
            slots.check("more")


def test_a_slot_is_free_again_however_the_request_ended() -> None:
    slots = Slots(1, 1, "exports run already")
    with pytest.raises(ConnectionError), slots.held("acme"):
        raise ConnectionError
    slots.check("acme")
