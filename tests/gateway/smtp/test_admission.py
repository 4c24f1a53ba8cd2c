"""Admission: strangers are turned away at connect, customers are answered at MAIL, and hogs leave room for others."""

from typing import Any

import pytest

from config.settings import EdgeLimits
from filters.model import Reply
from gateway.ledger.memory import MemoryLedger
from gateway.metrics import Metrics
from gateway.overload import Overload
from gateway.smtp.admission import KNOWN_SECONDS, Admission, Place
from gateway.smtp.replies import OVERLOADED, OVERLOADED_STRANGER, TOO_MANY_CONNECTIONS, TOO_MANY_OF_ACCOUNT

A, B = "192.0.2.1", "192.0.2.2"


class World:
    """One process, or several on one ledger."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ledger, self.overload = MemoryLedger(lambda: self.now), Overload(0.5, lambda delay, on: None)
        self.metrics = Metrics()

    def admission(self, **limits: Any) -> Admission:
        return Admission(EdgeLimits(**limits), self.ledger, self.overload, self.metrics)


@pytest.fixture
def world() -> World:
    return World()


async def let_in(admission: Admission, peer: str, customer: str | None = None) -> Place:
    found = await admission.admit(peer, customer)
    assert isinstance(found, Place), found
    return found


async def fill(admission: Admission, peer: str, customer: str | None = None) -> list[Place]:
    """Connections from one address until one is turned away."""
    places = []
    while isinstance(found := await admission.admit(peer, customer), Place):
        places.append(found)
    return places


async def test_an_address_of_strangers_has_its_limit_over_all_processes(world: World) -> None:
    one, other = world.admission(connections_per_address=3), world.admission(connections_per_address=3)
    places = [await let_in(one, A), await let_in(other, A), await let_in(other, A)]
    assert await one.admit(A, None) == TOO_MANY_CONNECTIONS
    assert await other.admit(B, None) != TOO_MANY_CONNECTIONS
    other.release(places[2])
    await let_in(one, A)


async def test_a_network_of_64_bits_is_one_address(world: World) -> None:
    admission = world.admission(connections_per_address=2)
    await let_in(admission, "2001:db8::1")
    await let_in(admission, "2001:db8::2")
    assert await admission.admit("2001:db8::3", None) == TOO_MANY_CONNECTIONS
    await let_in(admission, "2001:db8:0:1::3")


async def test_nothing_is_left_when_all_have_gone(world: World) -> None:
    admission = world.admission(connections=20, connections_per_customer=3)
    places = await fill(admission, A) + await fill(admission, B, "nets")
    for number, place in enumerate(places):
        await admission.recognise(place, f"customer {number % 2}")
        await admission.serve(place, f"customer {number % 3}")
    for place in places:
        admission.release(place)
    assert world.ledger.held == {}
    assert (admission._places.taken, admission._waiting.taken) == (0, 0)


async def test_a_customer_over_its_limit_is_let_in_and_answered_at_mail_until_there_is_room(world: World) -> None:
    admission = world.admission(connections_per_customer=2)
    places = [await let_in(admission, A, "acme") for _ in range(3)]
    assert [await admission.serve(place, "acme") for place in places] == [None, None, TOO_MANY_OF_ACCOUNT]
    assert [admission.serves(place, "acme") for place in places] == [True, True, False]
    admission.release(places[0])
    assert await admission.serve(places[2], "acme") is None
    assert admission.serves(places[2], "acme")


async def test_connections_that_wait_are_not_counted_against_the_customer(world: World) -> None:
    admission = world.admission(connections_per_customer=2)
    held = [await let_in(admission, A, "acme") for _ in range(2)]
    for _ in range(50):
        await let_in(admission, A, "acme")
    admission.release(held[0])
    late = await let_in(admission, A, "acme")
    assert admission.serves(late, "acme")


async def test_a_limit_of_an_address_too_is_answered_at_mail_where_a_customer_has_used_it(world: World) -> None:
    admission = world.admission(connections_per_address=1)
    first = await let_in(admission, A)
    await admission.recognise(first, "acme")
    second = await let_in(admission, A)
    assert await admission.serve(second, "acme") == TOO_MANY_OF_ACCOUNT
    world.now += KNOWN_SECONDS
    assert await admission.admit(A, None) == TOO_MANY_CONNECTIONS


async def test_authenticated_sessions_are_counted_from_any_address(world: World) -> None:
    admission = world.admission(connections_per_customer=2)
    places = [await let_in(admission, f"192.0.2.{n}") for n in range(3)]
    for place in places:
        await admission.recognise(place, "acme")
    assert [admission.serves(place, "acme") for place in places] == [True, True, False]
    assert await admission.serve(places[2], "acme") == TOO_MANY_OF_ACCOUNT
    assert await admission.serve(places[2], "globex") is None


async def test_a_crowd_of_strangers_leaves_room_for_customers(world: World) -> None:
    admission = world.admission(connections=100)
    while any([isinstance(await admission.admit(f"198.51.100.{n}", None), Place) for n in range(200)]):
        pass
    assert await admission.admit(B, None) == TOO_MANY_CONNECTIONS
    assert admission.serves(await let_in(admission, A, "acme"), "acme")


async def test_one_customer_that_takes_all_it_can_get_leaves_room_for_others(world: World) -> None:
    admission = world.admission(connections=100, connections_per_address=1000, connections_per_customer=1000)
    hog = await fill(admission, A, "acme")
    served = [place for place in hog if admission.serves(place, "acme")]
    assert len(served) == 50
    assert len(hog) <= 60, "those that wait are bounded"
    assert admission.serves(await let_in(admission, B, "globex"), "globex")
    stranger = await let_in(admission, "192.0.2.9")
    await admission.recognise(stranger, "initech")
    assert admission.serves(stranger, "initech")


async def test_overload_turns_strangers_away_and_defers_customers_until_it_is_over(world: World) -> None:
    admission = world.admission()
    customer = await let_in(admission, A, "acme")
    world.overload.on = True
    assert await admission.admit(B, None) == OVERLOADED_STRANGER
    assert not admission.serves(customer, "acme")
    assert await admission.serve(customer, "acme") == OVERLOADED
    later = await let_in(admission, A, "acme")
    world.overload.on = False
    assert admission.serves(customer, "acme")
    assert admission.serves(later, "acme")
    text = world.metrics.text().decode()
    assert 'postern_shed_total{at="connect",reason="overload"} 1.0' in text
    assert 'postern_shed_total{at="mail",reason="overload"} 1.0' in text


async def test_handshakes_are_bounded_and_some_are_kept_for_customers(world: World) -> None:
    admission = world.admission(connections=10_000, connections_per_address=1000)
    crowd = [await let_in(admission, A) for _ in range(200)]
    assert [admission.begin_handshake(place) for place in crowd].count(True) == 100
    while admission.begin_handshake(await let_in(admission, f"198.51.{admission._handshakes.taken % 200}.1")):
        pass
    assert admission._handshakes.taken == 300
    customer = await let_in(admission, B, "acme")
    assert admission.begin_handshake(customer)
    admission.end_handshake(customer)
    admission.end_handshake(customer)
    admission.release(crowd[0])
    assert admission._handshakes.taken == 299
    assert not admission.begin_handshake(crowd[1])
    assert admission.begin_handshake(await let_in(admission, "192.0.2.9"))


@pytest.mark.parametrize("reply", [TOO_MANY_CONNECTIONS, OVERLOADED_STRANGER, OVERLOADED, TOO_MANY_OF_ACCOUNT])
def test_strangers_hear_421_and_customers_do_not(reply: Reply) -> None:
    assert (reply.code == 421) == (reply in (TOO_MANY_CONNECTIONS, OVERLOADED_STRANGER))
