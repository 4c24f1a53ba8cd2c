"""The directory: who somebody is, now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.customers import Customer, Standing
from config.policy import Action, Policy
from config.switch import Exemption, Lock, Overlap
from consent.customers import StoredCustomer
from filters.engine import UnknownRule
from gateway.directory import Directory, own_names

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HASH = "$argon2id$v=19$m=65536,t=3,p=4$a$b"


def stored(name: str = "acme", *credentials: dict[str, Any], status: str = "active", **values: Any) -> StoredCustomer:
    customer = Customer.model_validate(
        {"id": name, "name": name, "domains": [f"{name}.example"], "credentials": list(credentials), **values}
    )
    return StoredCustomer(customer, Standing.model_validate({"status": status}), 1, NOW)


def directory(*customers: StoredCustomer) -> Directory:
    made = Directory(Policy())
    made.update(customers)
    return made


def test_a_username_is_found_in_any_case() -> None:
    found = directory(stored("acme", {"username": "App", "password_hash": HASH})).by_username("aPP")
    assert found is not None
    assert (found.entry.customer.id, found.credential.name, found.method) == ("acme", "App", "auth")


@pytest.mark.parametrize(
    ("address", "customer"),
    [("192.0.2.1", "acme"), ("192.0.2.129", "inner"), ("198.51.100.1", None), ("2001:db8::1", "six"),
     ("::ffff:192.0.2.1", "acme"), ("unknown", None), ("2001:db9::1", None)],
)  # fmt: skip
def test_the_most_specific_network_that_holds_an_address(address: str, customer: str | None) -> None:
    made = directory(
        stored("acme", {"networks": ["192.0.2.0/24"]}),
        stored("inner", {"networks": ["192.0.2.128/25"]}),
        stored("six", {"networks": ["2001:db8::/48"]}),
    )
    found = made.by_address(address)
    assert (found.entry.customer.id if found else None) == customer


def test_replacing_a_customer_forgets_what_it_no_longer_has() -> None:
    made = directory(stored("acme", {"username": "old", "password_hash": HASH}, {"networks": ["192.0.2.0/24"]}))
    made.update([stored("acme", {"username": "new", "password_hash": HASH})])
    assert made.by_username("old") is None
    assert made.by_address("192.0.2.1") is None
    assert made.by_username("new") is not None
    assert len(made) == 1


def test_a_username_may_move_from_one_customer_to_another_in_one_change() -> None:
    made = directory(stored("acme", {"username": "app", "password_hash": HASH}), stored("other"))
    made.update([stored("other", {"username": "app", "password_hash": HASH}), stored("acme")])
    found = made.by_username("app")
    assert found is not None
    assert found.entry.customer.id == "other"


def test_who_holds_a_domain_is_followed_through_every_change() -> None:
    made = directory(stored("acme", domains=["acme.example", "shop.example"]), stored("other"))
    holders = made.holders
    assert holders == {"acme.example": "acme", "shop.example": "acme", "other.example": "other"}
    made.update([stored("other", domains=["other.example", "shop.example"]), stored("acme")])
    assert holders == {"acme.example": "acme", "shop.example": "other", "other.example": "other"}
    made.update([stored("other")])
    assert holders == {"acme.example": "acme", "other.example": "other"}


def test_an_identity_is_renewed_with_the_new_standing() -> None:
    made = directory(stored("acme", {"username": "app", "password_hash": HASH}))
    before = made.by_username("app")
    assert before is not None
    assert made.renewed(before, NOW) is before
    made.update([stored("acme", {"username": "app", "password_hash": HASH}, status="suspended")])
    after = made.renewed(before, NOW)
    assert after is not None
    assert after.entry.standing.status == "suspended"


@pytest.mark.parametrize(
    "credential", [{"username": "app", "password_hash": HASH + "x"}, {"username": "b", "password_hash": HASH}]
)
def test_an_identity_ends_with_its_password_or_credential(credential: dict[str, Any]) -> None:
    made = directory(stored("acme", {"username": "app", "password_hash": HASH}))
    before = made.by_username("app")
    assert before is not None
    made.update([stored("acme", credential)])
    assert made.renewed(before, NOW) is None


@pytest.mark.parametrize(
    ("changed", "goes_on"),
    [
        ({"networks": ["192.0.2.0/24"], "certificates": ["ab" * 32]}, (True, True)),
        ({"networks": ["192.0.2.1/32"], "certificates": ["ab" * 32, "cd" * 32]}, (True, True)),
        ({"networks": ["192.0.2.128/25"], "certificates": ["cd" * 32]}, (False, False)),
        ({"certificates": ["ab" * 32]}, (False, True)),
        ({"networks": ["192.0.2.0/24"]}, (True, False)),
        ({}, (False, False)),
    ],
)
def test_an_identity_ends_with_its_network_or_certificate(changed: dict[str, Any], goes_on: tuple[bool, bool]) -> None:
    one = {"username": "app", "password_hash": HASH, "networks": ["192.0.2.0/24"], "certificates": ["ab" * 32]}
    made = directory(stored("acme", one))
    found = made.by_address("192.0.2.1"), made.by_certificate("ab" * 32)
    made.update([stored("acme", {"username": "app", "password_hash": HASH, **changed}), stored("other")])
    assert tuple(each is not None and made.renewed(each, NOW) is not None for each in found) == goes_on


def test_who_showed_the_old_password_is_who_it_was_until_the_overlap_is_over() -> None:
    until = NOW + timedelta(days=7)
    one = stored("acme", {"username": "app", "password_hash": HASH})
    made = directory(one)
    before = made.by_username("app")
    assert before is not None
    rotated = stored("acme", {"username": "app", "password_hash": HASH + "x"})
    made.update([replace(rotated, overlaps={"app": Overlap(HASH, until)})])
    found = made.renewed(replace(before, shown=HASH), until - timedelta(microseconds=1))
    assert found is not None
    assert found.password_hashes(NOW) == (HASH + "x", HASH)
    assert made.renewed(found, until) is None
    assert made.renewed(replace(found, shown=HASH + "x"), until) is not None
    assert found.password_hashes(until) == (HASH + "x",)


def test_locks_and_exemptions_are_the_entrys_and_stay_when_the_policy_changes() -> None:
    lock = Lock("phishing", "operator", NOW)
    exemption = Exemption("ab12", "acme", "NO-SUCH-RULE", NOW, "x", NOW)
    one = stored("acme", {"username": "app", "password_hash": HASH}, {"networks": ["192.0.2.0/24"]})
    made = directory(replace(one, locks={"app": lock}, exemptions=(exemption,)))
    made.rebind(Policy())
    app, nets = made.by_username("app"), made.by_address("192.0.2.1")
    assert app is not None and nets is not None
    assert (app.lock, nets.lock) == (lock, None)
    assert app.entry.exemptions == {"NO-SUCH-RULE": exemption}


def test_unknown_rule_codes_leave_what_was_known_in_force() -> None:
    made = directory(stored("acme", {"username": "app", "password_hash": HASH}))
    with pytest.raises(UnknownRule):
        made.update([stored("acme", actions={"NO-SUCH": "off"})])
    assert made.by_username("app") is not None
    assert made.get("acme") is not None
    assert made.get("nobody") is None


def test_a_certificate_names_its_credential_until_it_is_taken_away() -> None:
    made = directory(stored("acme", {"certificates": ["ab" * 32, "cd" * 32]}), stored("brand"))
    found = made.by_certificate("cd" * 32)
    assert found is not None
    assert (found.entry.customer.id, found.credential.name, found.method) == (
        "acme",
        f"sha256:{'ab' * 32}",
        "certificate",
    )
    assert made.by_certificate("ef" * 32) is None
    made.update([stored("brand", {"certificates": ["cd" * 32]})])
    made.update([stored("acme", {"certificates": ["ab" * 32]})])
    moved = made.by_certificate("cd" * 32)
    assert moved is not None and moved.entry.customer.id == "brand"


def test_another_policy_binds_all_customers_anew_and_their_own_actions_still_win() -> None:
    found = directory(stored("acme"), stored("initech", actions={"HDR-DATE": "reject"}))
    found.rebind(Policy(actions={"HDR-DATE": Action.OFF}))
    bound = {}
    for name in ("acme", "initech"):
        entry = found.get(name)
        assert entry is not None
        bound[name] = {each.rule.code for each in entry.rules}
    assert "HDR-DATE" not in bound["acme"]
    assert "HDR-DATE" in bound["initech"]


def test_customers_with_the_same_actions_share_one_binding() -> None:
    own = {"HDR-DATE": "observe"}
    found = directory(stored("acme"), stored("coco"), stored("brand", actions=own), stored("initech", actions=own))
    for policy in (None, Policy(actions={"HDR-DATE": Action.OFF})):
        if policy is not None:
            found.rebind(policy)
        bound = [entry.rules for entry in found.entries()]
        assert bound[0] is bound[1] is not bound[2]
        assert bound[2] is bound[3]


def test_domains_are_found_by_their_looks_while_somebody_holds_them() -> None:
    made = Directory(Policy(), ["gw.example"])
    made.update([stored("acme"), stored("coco")])
    assert made.looks.view["coco.exarnple"] == {"coco.example": "coco"}
    assert made.looks.view["gvv.exarnple"] == {"gw.example": ""}
    made.update([stored("coco", domains=["other.example"])])
    assert "coco.exarnple" not in made.looks.view
    assert made.looks.view["other.exarnple"] == {"other.example": "coco"}


def test_a_domain_may_move_between_customers_in_either_order() -> None:
    moved = [stored("acme", domains=["acme.example", "coco.example"]), stored("coco", domains=["new.example"])]
    for order in (moved, moved[::-1]):
        made = directory(stored("acme"), stored("coco"))
        for each in order:
            made.update([each])
        assert made.looks.view["coco.exarnple"] == {"coco.example": "acme"}


def test_the_operators_domains_change_with_its_settings() -> None:
    made = Directory(Policy(), ["gw.example"])
    made.rebind(Policy(), ["gate.example"])
    assert set(made.looks.view) == {"gate.exarnple"}


def test_own_names_are_the_host_and_the_operators_domains_in_lower_case() -> None:
    assert own_names("GW1.Example", ["GW.example", "ops.EXAMPLE."]) == {"gw1.example", "gw.example", "ops.example"}


def test_all_entries_as_they_are_now() -> None:
    made = directory(stored("acme"), stored("other"))
    assert {each.customer.id for each in made.entries()} == {"acme", "other"}
    made.update([stored("acme", status="suspended")])
    assert {each.customer.id: each.standing.status for each in made.entries()}["acme"] == "suspended"
