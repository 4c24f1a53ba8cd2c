"""What no two customers may hold, against a slow and obvious count of it."""

import ipaddress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.customers import Credential, Customer
from consent import conflicts
from consent.shared_networks import SharedNetworks
from tests.rig import registry
from tests.rig.registry import NOW

NOTHING_SHARED = SharedNetworks(())
NETWORK = st.builds(
    lambda number, prefix: str(ipaddress.ip_network((0xC6336400 + number, prefix), strict=False)),
    st.integers(0, 255),
    st.integers(24, 32),
)
HELD = st.dictionaries(st.sampled_from("abcd"), st.sets(NETWORK, min_size=1, max_size=4), max_size=4)


def build(held: dict[str, set[str]]) -> list[Customer]:
    return [
        Customer(
            id=name,
            name=name,
            domains=(f"{name}.example",),
            credentials=tuple(Credential(networks=(network,)) for network in sorted(networks)),
        )
        for name, networks in held.items()
    ]


def overlap(held: dict[str, set[str]]) -> bool:
    flat = [(name, ipaddress.ip_network(network)) for name, networks in held.items() for network in networks]
    return any(one[0] != two[0] and one[1].overlaps(two[1]) for one in flat for two in flat)


@given(stored=HELD, applied=HELD)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_overlap_is_found_just_when_there_is_one(
    tmp_path: Path, stored: dict[str, set[str]], applied: dict[str, set[str]]
) -> None:
    if overlap(stored):
        stored = {}
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    with registry.sqlite(folder) as database:
        registry.store(database).apply(build(stored), NOW)
        with database.reading() as connection:
            found = conflicts.find(connection, build(applied), NOTHING_SHARED)
    assert bool(found) == overlap(stored | applied)


def test_every_conflict_has_its_line(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        acme = registry.customer("acme", "198.51.100.0/24", password=None)
        registry.store(database).apply([acme], NOW)
        thief = Customer(
            id="thief",
            name="Thief",
            domains=("acme.example",),
            credentials=(
                Credential(networks=("198.51.100.0/24",)),
                Credential(networks=("198.51.100.9/32", "10.0.0.0/8")),
            ),
        )
        with database.reading() as connection:
            assert conflicts.find(connection, [thief], SharedNetworks.shipped()) == [
                "customer 'thief': domain 'acme.example' is held by customer 'acme'",
                "customer 'thief': credential '198.51.100.9/32': network 10.0.0.0/8 is wider than /16: name only the "
                "addresses of the customer's own servers",
                "customer 'thief': network 198.51.100.0/24 overlaps 198.51.100.0/24 of customer 'acme'",
                "customer 'thief': network 198.51.100.9/32 overlaps 198.51.100.0/24 of customer 'acme'",
            ]
