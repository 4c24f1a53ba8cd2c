"""What was decided about a customer, found by any name of a credential. On both databases: test_contracts_switch.py."""

from datetime import UTC, datetime, timedelta

from config.customers import Credential
from config.switch import Lock, Overlap
from consent.switch_rows import NOTHING, Rotation, Switched

NOW = datetime(2026, 11, 20, tzinfo=UTC)
APP = Credential(username="Acme-App", password="correct horse")
NETS = Credential(networks=("192.0.2.0/24", "198.51.100.0/24"))


def test_a_lock_of_any_name_is_the_credentials_and_the_first_one_counts() -> None:
    first, second = Lock("a", "operator", NOW), Lock("b", "operator", NOW + timedelta(1))
    found = Switched(locks={"192.0.2.0/24": second, "198.51.100.0/24": first, "other": first})
    assert found.lock_of(NETS) == first
    assert found.lock_of(APP) is None


def test_a_rotation_is_found_by_the_username_in_any_case() -> None:
    rotation = Rotation("a", "b", Overlap("c", NOW))
    found = Switched(rotations={"acme-app": rotation})
    assert found.rotation_of(APP) == rotation
    assert found.rotation_of(NETS) is None
    assert NOTHING.rotation_of(APP) is None
    assert "'a'" not in repr(rotation) and "'b'" not in repr(rotation)
