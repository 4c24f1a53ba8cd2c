"""One set of cases for the registry and its customers, on SQLite and on a real PostgreSQL.

Tokens, subjects, heads and repeats have theirs in test_contracts_stores.py.
"""

import multiprocessing
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text, update

from config.customers import Credential, Customer
from config.policy import Action
from consent.customers import Conflict, CustomerError, CustomerStore, UnknownCustomer
from consent.database import Database, RegistryDown, RegistryError, WrongSecrets
from consent.keys import Secrets
from consent.schema import customers as customer_table
from consent.schema import domains, metadata
from tests.rig import registry
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)

LATER = NOW + timedelta(hours=1)


# -- migrations and secrets


def test_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_bringing_it_up_to_date_twice_changes_nothing(database: Database, customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    database.upgrade()
    assert customers.get("acme").customer.name == "Acme"


def test_a_registry_of_a_newer_version_is_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RegistryError, match="revision '9999', which this version of Postern does not know"):
        database.upgrade()


def test_secrets_are_bound_at_first_use_and_others_are_refused(
    database: Database, secrets: Secrets, tmp_path: Path
) -> None:
    database.check_fingerprint(secrets)
    database.check_fingerprint(secrets)
    other = Secrets.load_or_create(tmp_path / "other.toml")
    with pytest.raises(WrongSecrets, match="copy the secrets file of the first node") as caught:
        database.check_fingerprint(other)
    assert secrets.fingerprint in str(caught.value)
    assert str(other.path) in str(caught.value)


# -- customers


def test_what_is_applied_is_what_comes_back(customers: CustomerStore) -> None:
    wanted = Customer(
        id="acme",
        name="Acmé Ltd",
        domains=("acme.example", "news.acme.example"),
        mode="observe",
        credentials=(
            Credential(networks=("198.51.100.0/28", "2001:db8:1::/64"), next_hop="bulk"),
            Credential(username="Acme-App", password="correct horse"),
        ),
        actions={"HDR-DATE": Action.OBSERVE},
    )
    assert [one.result for one in customers.apply([wanted], NOW)] == ["added"]
    stored = customers.get("acme")
    assert stored.customer.model_dump(exclude={"credentials"}) == wanted.model_dump(exclude={"credentials"})
    assert [each.name for each in stored.customer.credentials] == ["198.51.100.0/28", "Acme-App"]
    assert stored.customer.credentials[0] == wanted.credentials[0]
    assert stored.applied == NOW
    assert stored.standing.status == "active"
    assert customers.list() == (stored,)


def test_only_a_password_s_hash_is_stored(database: Database, customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    credential = customers.get("acme").customer.credentials[0]
    assert credential.password is None
    assert credential.password_hash is not None
    assert registry.QUICK.verify(credential.password_hash, "correct horse")
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            assert "correct horse" not in str(connection.execute(table.select()).all())


def test_an_unchanged_file_changes_nothing(customers: CustomerStore) -> None:
    customers.apply([customer("acme"), customer("brand")], NOW)
    before = customers.changed_since(0)
    assert [one.result for one in customers.apply([customer("acme"), customer("brand")], LATER)] == ["unchanged"] * 2
    assert customers.changed_since(0) == before


def test_a_new_password_is_a_new_hash_and_the_rest_stays(customers: CustomerStore) -> None:
    customers.apply([customer("acme"), customer("brand")], NOW)
    before, brand = customers.get("acme"), customers.get("brand")
    applied = customers.apply([customer("acme", password="another horse"), customer("brand")], LATER)
    assert [one.result for one in applied] == ["replaced", "unchanged"]
    assert customers.get("acme").customer.credentials[0].password_hash != before.customer.credentials[0].password_hash
    assert customers.get("brand") == brand


def test_apply_leaves_customers_it_does_not_name(customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    customers.apply([customer("brand")], NOW)
    assert [stored.customer.id for stored in customers.list()] == ["acme", "brand"]


def test_a_domain_or_username_of_another_customer_is_refused_and_nothing_is_applied(customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    before = customers.changed_since(0)
    thief = Customer(
        id="thief",
        name="Thief",
        domains=("thief.example", "acme.example"),
        credentials=(Credential(username="ACME-app", password="correct horse"),),
    )
    with pytest.raises(Conflict) as caught:
        customers.apply([customer("brand"), thief], NOW)
    assert caught.value.lines == (
        "customer 'thief': domain 'acme.example' is held by customer 'acme'",
        "customer 'thief': username 'ACME-app' is held by customer 'acme'",
    )
    assert customers.changed_since(0) == before


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("198.51.100.0/24", "198.51.100.7/32", True),
        ("198.51.100.7/32", "198.51.100.0/24", True),
        ("198.51.100.0/25", "198.51.100.128/25", False),
        ("2001:db8:1::/48", "2001:db8:1:2::/64", True),
        ("127.0.0.0/8", "127.0.0.1/32", True),
        ("::1/128", "127.0.0.1/32", False),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_networks_of_two_customers_never_overlap(
    customers: CustomerStore, first: str, second: str, overlap: bool, together: bool
) -> None:
    one, two = customer("acme", first), customer("brand", second)
    if not together:
        customers.apply([one], NOW)
    wanted = [one, two] if together else [two]
    if not overlap:
        customers.apply(wanted, NOW)
        return
    with pytest.raises(Conflict, match=r"network \S+ overlaps \S+ of customer"):
        customers.apply(wanted, NOW)


@pytest.mark.parametrize("together", [True, False])
def test_a_certificate_is_held_by_one_customer_and_can_move(customers: CustomerStore, together: bool) -> None:
    shown = Credential(certificates=("ab" * 32, "cd" * 32))
    one = customer("acme").model_copy(update={"credentials": (shown,)})
    two = customer("brand").model_copy(update={"credentials": (Credential(certificates=("cd" * 32,)),)})
    if not together:
        customers.apply([one], NOW)
    with pytest.raises(Conflict, match=r"customer 'brand': certificate 'cdcd\S+' is held by customer 'acme'"):
        customers.apply([one, two] if together else [two], NOW)
    customers.apply([one], NOW)
    stored = customers.get("acme").customer.credentials[0]
    assert (stored.name, stored.certificates) == ("sha256:" + "ab" * 32, shown.certificates)
    customers.apply([customer("acme"), two], NOW)
    assert customers.get("brand").customer.credentials == two.credentials


def test_networks_of_one_customer_may_overlap(customers: CustomerStore) -> None:
    wide, narrow = Credential(networks=("198.51.100.0/24",)), Credential(networks=("198.51.100.7/32",))
    mine = customer("acme", password=None).model_copy(update={"credentials": (wide, narrow)})
    customers.apply([mine], NOW)
    assert customers.get("acme").customer.credentials == (wide, narrow)


def test_a_network_that_many_organisations_share_is_refused_with_the_reason(customers: CustomerStore) -> None:
    with pytest.raises(Conflict, match=r"40\.92\.1\.1/32 lies in .* Microsoft 365 .*; use a username and password"):
        customers.apply([customer("acme", "40.92.1.1/32")], NOW)
    assert customers.list() == ()


def test_a_domain_can_move_between_two_customers_of_one_file(customers: CustomerStore) -> None:
    acme, brand = customer("acme"), customer("brand")
    customers.apply([acme, brand], NOW)
    swapped = [
        acme.model_copy(update={"domains": brand.domains}),
        brand.model_copy(update={"domains": acme.domains}),
    ]
    assert [one.result for one in customers.apply(swapped, LATER)] == ["replaced", "replaced"]
    assert customers.get("acme").customer.domains == ("brand.example",)


def test_a_customer_named_twice_is_refused(customers: CustomerStore) -> None:
    with pytest.raises(Conflict, match="stands twice"):
        customers.apply([customer("acme"), customer("acme")], NOW)


def test_more_customers_than_one_query_takes(customers: CustomerStore) -> None:
    many = [customer(f"c{number:04}", password=None) for number in range(1100)]
    customers.apply(many, NOW)
    assert len(customers.changed_since(0)[1]) == 1100
    assert {one.result for one in customers.apply(many, NOW)} == {"unchanged"}


def test_a_suspension_has_a_reason_and_a_time_and_is_lifted_by_resume(customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    assert customers.suspend("acme", "  phishing,\n ticket 4711 ", NOW)
    standing = customers.get("acme").standing
    assert (standing.status, standing.reason, standing.since) == ("suspended", "phishing, ticket 4711", NOW)
    assert customers.resume("acme", "cleaned", LATER)
    standing = customers.get("acme").standing
    assert (standing.status, standing.reason, standing.since) == ("active", "cleaned", LATER)


def test_suspending_twice_changes_nothing_and_says_so(customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    assert not customers.resume("acme", "was never suspended", NOW)
    assert customers.suspend("acme", "first", NOW)
    before = customers.changed_since(0)
    assert not customers.suspend("acme", "second", LATER)
    assert customers.changed_since(0) == before


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 1001, "bell\a"])
def test_a_reason_is_required(customers: CustomerStore, reason: str) -> None:
    customers.apply([customer("acme")], NOW)
    with pytest.raises(CustomerError, match="reason"):
        customers.suspend("acme", reason, NOW)
    assert customers.get("acme").standing.status == "active"


def test_apply_neither_makes_nor_lifts_a_suspension(customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    customers.suspend("acme", "phishing", NOW)
    (applied,) = customers.apply([customer("acme", "198.51.100.0/28")], LATER)
    assert (applied.result, applied.suspended) == ("replaced", True)
    assert customers.get("acme").standing.reason == "phishing"


def test_an_unknown_customer_is_named(customers: CustomerStore) -> None:
    for act in (customers.get, lambda name: customers.suspend(name, "x", NOW)):
        with pytest.raises(UnknownCustomer, match="no customer 'nobody'"):
            act("nobody")


def test_a_node_hears_of_what_changed_and_of_nothing_else(customers: CustomerStore) -> None:
    assert customers.changed_since(0) == (0, ())
    customers.apply([customer("acme"), customer("brand")], NOW)
    seen, both = customers.changed_since(0)
    assert [stored.customer.id for stored in both] == ["acme", "brand"]
    assert customers.changed_since(seen) == (seen, ())
    customers.suspend("brand", "phishing", NOW)
    after, changed = customers.changed_since(seen)
    assert after > seen
    assert [(stored.customer.id, stored.standing.status, stored.change) for stored in changed] == [
        ("brand", "suspended", after)
    ]


def test_a_registry_restored_from_an_older_copy_is_read_whole(customers: CustomerStore) -> None:
    customers.apply([customer("acme")], NOW)
    last, changed = customers.changed_since(999)
    assert (last, [stored.customer.id for stored in changed]) == (1, ["acme"])


def test_what_this_version_cannot_read_is_named_and_can_be_applied_again(
    database: Database, customers: CustomerStore
) -> None:
    customers.apply([customer("acme")], NOW)
    with database.writing() as connection:
        connection.execute(update(customer_table).values(document='{"name":"Acme","domains":["acme.example"],"new":1}'))
    with pytest.raises(RegistryError, match="customer 'acme': new: unknown key"):
        customers.get("acme")
    assert [one.result for one in customers.apply([customer("acme")], NOW)] == ["replaced"]
    assert customers.get("acme").customer.id == "acme"


# -- several at once


def _apply(url: str, names: list[str], start: "threading.Barrier", answers: "multiprocessing.Queue[str]") -> None:
    database = Database(url)
    store = registry.store(database)
    start.wait()
    for name in names:
        try:
            store.apply([customer(name, password=None)], NOW)
            answers.put(f"applied {name}")
        except Conflict as error:
            answers.put(f"refused {error}")
    database.close()


def _in_processes(work: Callable[..., None], *arguments: tuple[object, ...]) -> list[str]:
    """Run `work(*each, start, answers)` in a process for each, at once; what they answered."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(len(arguments)), context.Queue()
    running = [context.Process(target=work, args=(*each, start, answers)) for each in arguments]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * len(running)
    found = []
    while not answers.empty():
        found.append(answers.get())
    return found


def test_two_processes_applying_at_once_both_succeed(url: str, customers: CustomerStore) -> None:
    mine, theirs = [f"a{number}" for number in range(15)], [f"b{number}" for number in range(15)]
    answers = _in_processes(_apply, (url, mine), (url, theirs))
    assert sorted(answers) == sorted(f"applied {name}" for name in mine + theirs)
    stored = customers.list()
    assert len(stored) == 30
    assert sorted(one.change for one in stored) == list(range(1, 31))


def test_change_numbers_are_committed_in_their_order(url: str, database: Database, customers: CustomerStore) -> None:
    """A node that polls while four threads write hears of every customer: no number appears behind its back."""
    stop = threading.Event()
    heard: list[str] = []

    def poll() -> None:
        seen, last = 0, False
        while not last:
            last = stop.is_set()
            seen, changed = customers.changed_since(seen)
            heard.extend(stored.customer.id for stored in changed)

    def write(group: int) -> None:
        for number in range(10):
            customers.apply([customer(f"w{group}-{number}", password=None)], NOW)

    writers = [threading.Thread(target=write, args=(group,)) for group in range(4)]
    poller = threading.Thread(target=poll)
    for thread in (poller, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    stop.set()
    poller.join(60)
    assert set(heard) == {stored.customer.id for stored in customers.list()}
    assert len(set(heard)) == 40


def _migrate(url: str, start: "threading.Barrier", answers: "multiprocessing.Queue[str]") -> None:
    start.wait()
    database = Database(url)
    database.upgrade()
    answers.put(str(registry.store(database).changed_since(0)))
    database.close()


def test_nodes_that_start_at_once_migrate_once(url: str) -> None:
    assert _in_processes(_migrate, (url,), (url,), (url,)) == ["(0, ())"] * 3


def test_the_database_itself_keeps_two_customers_from_one_domain(database: Database, customers: CustomerStore) -> None:
    customers.apply([customer("acme"), customer("brand")], NOW)
    with pytest.raises(RegistryError) as caught, database.writing() as connection:
        connection.execute(insert(domains).values(domain="acme.example", customer="brand"))
    assert not isinstance(caught.value, RegistryDown)
