"""One set of cases for locks, rotations, credentials made by a command and exemptions, on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from config.customers import Credential, Customer
from config.files import ConfigError
from config.switch import LONGEST_EXEMPTION, LONGEST_OVERLAP, Lock, Overlap
from consent.credentials import CredentialStore, NoCredential, Which
from consent.customers import Conflict, CustomerError, CustomerStore, UnknownCustomer
from consent.database import Database, RegistryError
from consent.exemptions import ExemptionStore
from consent.schema import metadata
from tests.rig import registry
from tests.rig.registry import NOW, customer

pytest_plugins = ("tests.rig.contracts",)

LATER = NOW + timedelta(hours=1)
DAY = timedelta(days=1)
CERTIFICATE = "ab" * 32
OLD, NEW = "correct horse", "another horse"


def acme(password: str = OLD, *networks: str) -> Customer:
    made = customer("acme", *networks, password=password)
    shown = Credential(certificates=(CERTIFICATE,))
    return made.model_copy(update={"credentials": (*made.credentials, shown)})


@pytest.fixture
def credentials(database: Database, customers: CustomerStore) -> CredentialStore:
    customers.apply([acme(OLD, "198.51.100.0/28", "203.0.113.0/28"), customer("brand")], NOW)
    return CredentialStore(database, registry.QUICK)


def fits(customers: CustomerStore, password: str, name: str = "acme-app", now: datetime = LATER) -> bool:
    """Whether a password is good for a credential of acme's at a time."""
    stored = customers.get("acme")
    credential = stored.customer.credential(name)
    assert credential is not None and credential.password_hash is not None
    held, overlap = [credential.password_hash], stored.overlaps.get(name)
    if overlap is not None and overlap.holds(now):
        held.append(overlap.password_hash)
    for each in held:
        try:
            return registry.QUICK.verify(each, password)
        except Exception:  # noqa: BLE001 - the next one
            continue
    return False


# -- locks


def test_a_lock_is_seen_by_nodes_and_lifted(customers: CustomerStore, credentials: CredentialStore) -> None:
    seen, _ = customers.changed_since(0)
    done = credentials.lock(Which("acme", "ACME-app"), " phishing,\n ticket 4711 ", LATER)
    assert [each.name for each in done.changed] == ["acme-app"] and done.same == ()
    seen, (changed,) = customers.changed_since(seen)
    lock = Lock("phishing, ticket 4711", "operator", LATER)
    assert dict(changed.locks) == {"acme-app": lock}
    assert changed.customer == changed.written
    again = credentials.lock(Which("acme", "acme-app"), "another", LATER, "THEFT-VOLUME, THEFT-NETWORKS")
    assert again.changed == () and again.same[0].lock == lock
    assert customers.changed_since(seen) == (seen, ())
    assert [each.name for each in credentials.unlock(Which("acme", "acme-app"), "cleaned").changed] == ["acme-app"]
    assert customers.get("acme").locks == {}
    assert credentials.unlock(Which("acme", "acme-app"), "cleaned").changed == ()


def test_the_signals_of_an_automatic_lock_are_kept(credentials: CredentialStore) -> None:
    credentials.lock(Which("acme", "acme-app"), "two signals", LATER, "THEFT-VOLUME, THEFT-NETWORKS")
    lock = credentials.all(Which("acme", "acme-app"))[0].lock
    assert lock is not None and lock.source == "THEFT-VOLUME, THEFT-NETWORKS"


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("acme-APP", "acme-app"),
        ("198.51.100.0/28", "198.51.100.0/28"),
        ("203.0.113.0/28", "198.51.100.0/28"),
        ("::ffff:203.0.113.0/124", "198.51.100.0/28"),
        (f"sha256:{CERTIFICATE}", f"sha256:{CERTIFICATE}"),
        (":".join(["AB"] * 32), f"sha256:{CERTIFICATE}"),
    ],
)
def test_each_of_its_names_names_a_credential(credentials: CredentialStore, called: str, name: str) -> None:
    done = credentials.lock(Which(name=called), "x", LATER)
    assert [each.name for each in done.changed] == [name]


def test_a_credential_is_found_by_its_name_though_another_customer_cannot_be_read(
    database: Database, credentials: CredentialStore
) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE customers SET document = '{}' WHERE id = 'brand'"))
    assert len(credentials.lock(Which(name="acme-app"), "stolen", LATER).changed) == 1
    with pytest.raises(RegistryError, match="customer 'brand'"):
        credentials.lock(Which(), "stolen", LATER)
    assert len([each for each in credentials.all(Which("acme")) if each.lock]) == 1


def test_a_whole_customer_and_all_customers_can_be_meant(credentials: CredentialStore) -> None:
    assert len(credentials.lock(Which("acme"), "x", LATER).changed) == 3
    done = credentials.lock(Which(), "x", LATER)
    assert (done.by_customer(), len(done.same)) == ({"brand": ["brand-app"]}, 3)
    assert len(credentials.unlock(Which(), "over").changed) == 4


@pytest.mark.parametrize("which", [Which("acme", "nobody"), Which(name="nobody"), Which("acme", "brand-app")])
def test_what_matches_nothing_changes_nothing(
    customers: CustomerStore, credentials: CredentialStore, which: Which
) -> None:
    seen, _ = customers.changed_since(0)
    acts: list[Callable[[], object]] = [
        lambda: credentials.lock(which, "x", LATER),
        lambda: credentials.unlock(which, "x"),
        lambda: credentials.rotate(which, DAY, LATER),
        lambda: credentials.remove(which, "x"),
    ]
    for act in acts:
        with pytest.raises(NoCredential, match="nothing was changed"):
            act()
    with pytest.raises(UnknownCustomer):
        credentials.lock(Which("nobody"), "x", LATER)
    assert customers.changed_since(seen) == (seen, ())


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 1001, "bell\a"])
def test_locks_need_a_reason_both_ways(credentials: CredentialStore, reason: str) -> None:
    with pytest.raises(CustomerError, match="reason"):
        credentials.lock(Which("acme"), reason, NOW)
    with pytest.raises(CustomerError, match="reason"):
        credentials.unlock(Which("acme"), reason)


def test_a_lock_stays_whatever_the_file_does(customers: CustomerStore, credentials: CredentialStore) -> None:
    credentials.lock(Which("acme"), "stolen", LATER)
    (applied,) = customers.apply([acme(NEW, "203.0.113.0/28")], LATER)
    assert applied.locked == ("acme-app", "203.0.113.0/28", f"sha256:{CERTIFICATE}")
    assert set(customers.get("acme").locks) == set(applied.locked)
    without = acme(NEW).model_copy(update={"credentials": ()})
    customers.apply([without], LATER)
    assert customers.get("acme").locks == {}
    idle = [each for each in credentials.all(Which("acme")) if each.credential is None]
    assert {each.name for each in idle} >= {"acme-app", "198.51.100.0/28", "203.0.113.0/28"}
    assert customers.apply([acme(NEW)], LATER)[0].locked == ("acme-app", f"sha256:{CERTIFICATE}")
    credentials.unlock(Which("acme"), "over")
    assert [each for each in credentials.all(Which("acme")) if each.lock or not each.credential] == []


# -- made by a command


def test_a_made_credential_has_a_password_that_is_stored_nowhere(
    database: Database, customers: CustomerStore, credentials: CredentialStore
) -> None:
    seen, _ = customers.changed_since(0)
    made, password = credentials.create("acme", "Acme-New", LATER, stream="bulk", list_id="spring")
    assert (made.source, made.since, made.credential and made.credential.stream) == ("command", LATER, "bulk")
    assert len(password) == 24 and password.isalnum()
    assert fits(customers, password, "Acme-New")
    (changed,) = customers.changed_since(seen)[1]
    assert [each.name for each in changed.customer.credentials][-1] == "Acme-New"
    assert "Acme-New" not in [each.name for each in changed.written.credentials]
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            assert password not in str(connection.execute(table.select()).all())


def test_what_was_made_stays_when_the_file_is_applied_and_is_the_files_once_that_names_it(
    customers: CustomerStore, credentials: CredentialStore
) -> None:
    file = acme(OLD, "198.51.100.0/28", "203.0.113.0/28")
    _, password = credentials.create("acme", "acme-new", LATER)
    assert [one.result for one in customers.apply([file], LATER)] == ["unchanged"]
    assert [one.result for one in customers.apply([acme()], LATER)] == ["replaced"]
    assert fits(customers, password, "acme-new")
    own = Credential(username="ACME-new", password=NEW)
    (applied,) = customers.apply([acme().model_copy(update={"credentials": (own,)})], LATER)
    assert applied.adopted == ("ACME-new",)
    assert not fits(customers, password, "ACME-new")
    assert fits(customers, NEW, "ACME-new")
    assert [each.source for each in credentials.all(Which("acme"))] == ["file"]


def test_a_username_is_held_once(customers: CustomerStore, credentials: CredentialStore) -> None:
    for name, holder in (("brand-app", "brand"), ("ACME-app", "acme")):
        with pytest.raises(Conflict, match=f"username '{name}' is held by customer '{holder}'"):
            credentials.create("acme", name, LATER)
    credentials.create("acme", "acme-new", LATER)
    thief = customer("brand").model_copy(update={"credentials": (Credential(username="acme-new", password=NEW),)})
    for together in ([thief], [acme(), thief]):
        with pytest.raises(Conflict, match="username 'acme-new' is held by customer 'acme'"):
            customers.apply(together, LATER)


@pytest.mark.parametrize("username", ["a+b", "192.0.2.0/24", "sha256:ab", "", "x" * 129, "a b"])
def test_a_username_that_cannot_be_is_refused(credentials: CredentialStore, username: str) -> None:
    with pytest.raises((ConfigError, CustomerError)):
        credentials.create("acme", username, LATER)
    with pytest.raises(UnknownCustomer):
        credentials.create("nobody", "x", LATER)


def test_what_was_made_can_be_removed_and_what_the_file_names_cannot(
    customers: CustomerStore, credentials: CredentialStore
) -> None:
    credentials.create("acme", "acme-new", LATER)
    credentials.rotate(Which("acme", "acme-new"), DAY, LATER)
    assert credentials.remove(Which("acme", "acme-new"), "gone").name == "acme-new"
    assert customers.get("acme").customer.credential("acme-new") is None
    with pytest.raises(CustomerError, match="stands in the file of customer 'acme': take it out there"):
        credentials.remove(Which("acme", "acme-app"), "gone")
    _, password = credentials.create("acme", "acme-new", LATER)
    assert fits(customers, password, "acme-new")


# -- rotation


def test_two_passwords_hold_until_the_overlap_is_over(customers: CustomerStore, credentials: CredentialStore) -> None:
    done = credentials.rotate(Which("acme", "acme-app"), 7 * DAY, NOW)
    assert (done.customer, done.name, done.until, done.ended) == ("acme", "acme-app", NOW + 7 * DAY, False)
    just_before = NOW + 7 * DAY - timedelta(microseconds=1)
    assert fits(customers, OLD, now=just_before) and fits(customers, done.password, now=just_before)
    assert not fits(customers, OLD, now=NOW + 7 * DAY)
    assert fits(customers, done.password, now=NOW + 365 * DAY)
    assert done.password not in repr(customers.get("acme"))


def test_no_overlap_ends_the_old_one_at_once_and_a_second_rotation_the_first(
    customers: CustomerStore, credentials: CredentialStore
) -> None:
    which = Which("acme", "acme-app")
    first = credentials.rotate(which, DAY, NOW)
    second = credentials.rotate(which, DAY, NOW)
    assert second.ended
    assert [fits(customers, each, now=NOW) for each in (OLD, first.password, second.password)] == [False, True, True]
    third = credentials.rotate(which, timedelta(0), NOW)
    assert [fits(customers, each, now=NOW) for each in (second.password, third.password)] == [False, True]


def test_the_unchanged_file_does_not_bring_the_old_password_back(
    customers: CustomerStore, credentials: CredentialStore
) -> None:
    file = acme(OLD, "198.51.100.0/28", "203.0.113.0/28")
    done = credentials.rotate(Which("acme", "acme-app"), DAY, NOW)
    for wanted, result in ((file, "unchanged"), (acme(), "replaced")):
        (applied,) = customers.apply([wanted], LATER)
        assert (applied.result, applied.ended) == (result, ())
        assert fits(customers, done.password, now=NOW + 2 * DAY) and not fits(customers, OLD, now=NOW + 2 * DAY)
    # Nor when it was gone for a while.
    customers.apply([acme().model_copy(update={"credentials": ()})], LATER)
    customers.apply([acme()], LATER)
    assert fits(customers, done.password, now=NOW + 2 * DAY) and not fits(customers, OLD, now=NOW + 2 * DAY)


def test_a_file_with_another_password_ends_the_rotation_and_says_so(
    customers: CustomerStore, credentials: CredentialStore
) -> None:
    done = credentials.rotate(Which("acme", "acme-app"), DAY, NOW)
    (applied,) = customers.apply([acme(NEW)], LATER)
    assert applied.ended == ("acme-app",)
    assert [fits(customers, each) for each in (OLD, done.password, NEW)] == [False, False, True]


def test_a_file_that_takes_over_the_new_password_leaves_the_old_one_its_last_days(
    customers: CustomerStore, credentials: CredentialStore
) -> None:
    done = credentials.rotate(Which("acme", "acme-app"), DAY, NOW)
    (applied,) = customers.apply([acme(done.password)], LATER)
    assert applied.ended == ()
    assert fits(customers, OLD) and fits(customers, done.password)
    assert not fits(customers, OLD, now=NOW + DAY)
    assert [one.result for one in customers.apply([acme(done.password)], LATER)] == ["unchanged"]
    assert customers.apply([acme(OLD)], LATER)[0].ended == ("acme-app",)


def test_what_cannot_be_rotated_is_refused(credentials: CredentialStore) -> None:
    for which, overlap, words in [
        (Which("acme", "198.51.100.0/28"), DAY, "has no password"),
        (Which("acme", "acme-app"), -DAY, "overlap: must be between"),
        (Which("acme", "acme-app"), LONGEST_OVERLAP + DAY, "overlap: must be between 0 and 90 days"),
        (Which("acme"), DAY, "is 3 credentials, and must be one"),
    ]:
        with pytest.raises(CustomerError, match=words):
            credentials.rotate(which, overlap, NOW)


def test_an_overlap_is_what_nodes_get(customers: CustomerStore, credentials: CredentialStore) -> None:
    before = customers.get("acme").customer.credentials[0].password_hash
    credentials.rotate(Which("acme", "acme-app"), DAY, NOW)
    assert before is not None
    assert customers.get("acme").overlaps == {"acme-app": Overlap(before, NOW + DAY)}


# -- exemptions


@pytest.fixture
def exemptions(database: Database, customers: CustomerStore) -> ExemptionStore:
    customers.apply([customer("acme"), customer("brand")], NOW)
    return ExemptionStore(database)


def test_an_exemption_is_seen_by_nodes_until_it_is_removed(
    customers: CustomerStore, exemptions: ExemptionStore
) -> None:
    seen, _ = customers.changed_since(0)
    made = exemptions.add("acme", "ID-FROM", NOW + DAY, " migration,\n ticket 4711 ", NOW)
    assert (made.reason, made.since, made.holds(NOW), made.holds(NOW + DAY)) == (
        "migration, ticket 4711", NOW, True, False,
    )  # fmt: skip
    seen, (changed,) = customers.changed_since(seen)
    assert changed.exemptions == (made,) == exemptions.all("acme") == exemptions.all()
    customers.apply([customer("acme", password=NEW)], LATER)
    assert exemptions.all("acme") == (made,)
    assert exemptions.remove("acme", "ID-FROM", "over") == made
    assert exemptions.remove("acme", "ID-FROM", "over") is None
    assert customers.get("acme").exemptions == exemptions.all("brand") == ()


def test_one_is_in_force_at_a_time_and_one_that_is_over_gives_way(exemptions: ExemptionStore) -> None:
    first = exemptions.add("acme", "ID-FROM", NOW + DAY, "x", NOW)
    with pytest.raises(Conflict, match=f"exempt from ID-FROM already, until 2026-03-05 05:06 UTC .{first.id}."):
        exemptions.add("acme", "ID-FROM", NOW + 2 * DAY, "x", LATER)
    second = exemptions.add("acme", "ID-FROM", NOW + 2 * DAY, "x", NOW + DAY)
    assert exemptions.all("acme") == (second,)
    exemptions.add("brand", "ID-FROM", NOW + DAY, "x", NOW)
    assert len(exemptions.all()) == 2


def test_an_exemption_is_bounded_and_has_a_reason(exemptions: ExemptionStore) -> None:
    for until in (NOW, NOW - DAY, NOW + LONGEST_EXEMPTION + timedelta(seconds=1)):
        with pytest.raises(CustomerError, match="until: must lie ahead, by at most 366 days"):
            exemptions.add("acme", "ID-FROM", until, "x", NOW)
    with pytest.raises(CustomerError, match="reason"):
        exemptions.add("acme", "ID-FROM", NOW + DAY, " ", NOW)
    acts: list[Callable[[], object]] = [
        lambda: exemptions.add("nobody", "ID-FROM", NOW + DAY, "x", NOW),
        lambda: exemptions.remove("nobody", "ID-FROM", "x"),
    ]
    for act in acts:
        with pytest.raises(UnknownCustomer):
            act()
    assert exemptions.all() == ()


# -- from the version before


def test_a_registry_of_the_version_before_is_brought_up_to_date(url: str) -> None:
    old = Database(url)
    old.upgrade()  # which makes the file and its folder where there is none
    with old.writing() as connection:
        later = ("dkim_keys", "cluster_labels", "confirmations", "confirmation_counts")
        for table in ("locks", "rotations", "exemptions", "dispatches", "dispatch_marks", *later):
            connection.execute(text(f"DROP TABLE {table}"))
        for column in ("source", "since"):
            connection.execute(text(f"ALTER TABLE credentials DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
        values = f"('acme', '{{\"name\":\"Acme\",\"domains\":[\"acme.example\"]}}', 'active', '', '{NOW:%Y-%m-%d}', 1)"
        columns = "id, document, status, reason, applied, change"
        connection.execute(text(f"INSERT INTO customers ({columns}) VALUES {values}".replace(":", "\\:")))
        connection.execute(text("INSERT INTO domains (domain, customer) VALUES ('acme.example', 'acme')"))
        values = "('acme', 'acme-app', 0, 'acme-app', '$argon2id$x', '{\"username\"\\:\"acme-app\"}')"
        columns = "customer, name, position, username_key, password_hash, document"
        connection.execute(text(f"INSERT INTO credentials ({columns}) VALUES {values}"))
    old.upgrade()
    stored = registry.store(old).get("acme")
    assert [each.name for each in stored.customer.credentials] == ["acme-app"]
    assert (stored.made, stored.locks, stored.written) == ({}, {}, stored.customer)
    assert CredentialStore(old).lock(Which("acme"), "stolen", LATER).changed[0].source == "file"
    old.close()
