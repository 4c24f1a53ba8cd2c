"""The store of confirmation mails, on SQLite and on a real PostgreSQL: two mails are two mails, whoever asks, wherever."""

import multiprocessing
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from consent.address import Address
from consent.confirmations import KEPT, LIFE, PER_ADDRESS, WINDOW, Capped, Confirmation, ConfirmationStore
from consent.database import Database
from consent.keys import Secrets
from consent.schema import confirmation_counts, confirmations
from consent.unsubscribe import NoToken
from tests.rig.registry import NOW

pytest_plugins = ("tests.rig.contracts",)

BOB, ANN = Address.parse("bob@recipient.example"), Address.parse("ann@recipient.example")
LEASE = timedelta(seconds=150)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def store(database: Database, secrets: Secrets) -> ConfirmationStore:
    return ConfirmationStore(database, secrets)


def add(store: ConfirmationStore, request: int = 7, now: datetime = NOW, customer: str = "acme") -> Confirmation:
    mail, new = store.add(customer, BOB, "newsletter", request, now)
    assert new
    return mail


def claim(store: ConfirmationStore, now: datetime = NOW, count: int = 8, *without: str) -> list[Confirmation]:
    return list(store.claim(now, LEASE, count, without))


def sent(store: ConfirmationStore, now: datetime = NOW) -> Confirmation:
    (mail,) = claim(store, now)
    assert store.done(mail, now, "<a@gw.example>", "250 2.0.0 queued as X")
    return mail


# -- counting


def test_two_mails_to_one_address_in_seven_days_over_all_customers(store: ConfirmationStore) -> None:
    taken = [store.take(BOB, NOW, customer=f"customer-{number}", request=1) for number in range(50)]
    assert taken == [True, True, *[False] * 48]
    assert store.take(ANN, NOW, customer="customer-3", request=2)
    assert not store.take(BOB, NOW + WINDOW - timedelta(seconds=1))
    assert [store.take(BOB, NOW + WINDOW) for _ in range(3)] == [True, True, False]


def test_an_address_is_the_same_however_it_is_written(store: ConfirmationStore) -> None:
    for text in ("bob@recipient.example", "BOB@Recipient.EXAMPLE"):
        assert store.take(Address.parse(text), NOW)
    assert not store.take(BOB, NOW)


def test_no_window_of_seven_days_holds_three(store: ConfirmationStore) -> None:
    """Not one of calendar weeks, nor one that begins anew when it is full."""
    taken = [day for day in range(60) if store.take(BOB, NOW + day * DAY)]
    assert taken == [0, 1, 7, 8, 14, 15, 21, 22, 28, 29, 35, 36, 42, 43, 49, 50, 56, 57]


def test_two_mails_for_one_request_and_no_third_a_week_later(store: ConfirmationStore) -> None:
    assert [store.take(BOB, NOW, customer="acme", request=5) for _ in range(2)] == [True, True]
    later = NOW + WINDOW
    assert not store.take(BOB, later, customer="acme", request=5)
    assert store.sent("acme", 5) == 2
    # Another's request of that number is another.
    assert store.take(BOB, later, customer="other", request=5)
    assert (store.sent("other", 5), store.sent("acme", 6)) == (1, 0)


def test_a_customer_has_so_many_in_an_hour(store: ConfirmationStore) -> None:
    def take(number: int, now: datetime = NOW, customer: str = "acme") -> bool:
        person = Address.parse(f"reader-{number}@recipient.example")
        return store.take(person, now, customer=customer, request=number, per_hour=3)

    assert [take(number) for number in range(1, 6)] == [True, True, True, False, False]
    assert take(6, customer="other")
    assert not take(7, NOW + HOUR - timedelta(seconds=1))
    assert take(8, NOW + HOUR)
    assert not store.take(ANN, NOW, customer="new", request=9, per_hour=0)


def test_the_same_mail_tried_again_is_counted_once_and_never_refused(store: ConfirmationStore) -> None:
    for _ in range(5):
        assert store.take(BOB, NOW, customer="acme", request=5, once="digest of the mail")
    assert store.sent("acme", 5) == 1
    assert store.take(BOB, NOW, customer="acme", request=5, once="another")
    assert not store.take(BOB, NOW, customer="acme", request=5, once="a third")
    # What names a mail of one customer names none of another's.
    assert not store.take(BOB, NOW, customer="other", request=1, once="another")


def test_what_is_refused_counts_nowhere(store: ConfirmationStore) -> None:
    for number in range(10):
        store.take(BOB, NOW, customer="acme", request=number + 1)
    assert sum(store.sent("acme", number + 1) for number in range(10)) == 2


def test_many_at_once_get_two(store: ConfirmationStore) -> None:
    taken: list[bool] = []
    start = threading.Barrier(7)

    def ask(customer: str) -> None:
        start.wait()
        taken.extend(store.take(BOB, NOW, customer=customer, request=number) for number in range(1, 6))

    threads = [threading.Thread(target=ask, args=(f"customer-{number}",)) for number in range(7)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (taken.count(True), taken.count(False)) == (PER_ADDRESS, 33)


def _ask(
    url: str,
    folder: Path,
    customer: str,
    gate: "multiprocessing.synchronize.Barrier",
    out: "multiprocessing.Queue[int]",
) -> None:
    database = Database(url)
    store = ConfirmationStore(database, Secrets.load_or_create(folder / "secrets.toml"))
    gate.wait()
    out.put(sum(store.take(BOB, NOW, customer=customer, request=number) for number in range(1, 6)))
    database.close()


def test_many_processes_get_two(url: str, database: Database, secrets: Secrets, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    gate, out = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=_ask, args=(url, tmp_path, f"customer-{number}", gate, out)) for number in range(4)
    ]
    for each in processes:
        each.start()
    assert sum(out.get(timeout=60) for _ in processes) == 2
    for each in processes:
        each.join(timeout=60)
    # And who comes later, after a restart, finds them.
    database.close()
    assert not ConfirmationStore(database, secrets).take(BOB, NOW)


def test_no_address_is_in_the_tables(store: ConfirmationStore, database: Database) -> None:
    add(store)
    with database.reading() as connection:
        for table in (confirmations, confirmation_counts):
            (row,) = connection.execute(select(table)).all()
            assert not any(name in str(tuple(row)).lower() for name in ("bob", "recipient.example"))


# -- the mails


def test_what_is_added_is_counted_and_claimed_as_it_was(store: ConfirmationStore) -> None:
    mail = add(store)
    assert (mail.customer, mail.list, mail.request, mail.created, mail.expires) == (
        "acme", "newsletter", 7, NOW, NOW + LIFE,
    )  # fmt: skip
    assert (mail.status, mail.attempts, mail.doubtful, mail.sent, mail.confirmed) == ("waiting", 0, False, None, None)
    assert store.sent("acme", 7) == 1
    (found,) = claim(store)
    assert (found.id, found.attempts, found.doubtful, found.due) == (mail.id, 1, False, NOW + LEASE)
    assert store.get(mail.id) is not None
    assert store.get("0" * 32) is None


def test_while_one_waits_it_is_the_one(store: ConfirmationStore) -> None:
    mail = add(store)
    assert store.add("acme", BOB, "newsletter", 7, NOW) == (mail, False)
    sent(store)
    second = add(store)
    assert second.id != mail.id
    sent(store)
    with pytest.raises(Capped) as capped:
        store.add("acme", BOB, "newsletter", 7, NOW + HOUR)
    assert (capped.value.cap, capped.value.again) == ("request", None)


def test_a_cap_says_which_it_is_and_when_there_is_room(store: ConfirmationStore) -> None:
    add(store)
    store.take(BOB, NOW + HOUR)
    with pytest.raises(Capped) as capped:
        store.add("other", BOB, "news", 1, NOW + 2 * HOUR)
    assert (capped.value.cap, capped.value.again) == ("address", NOW + WINDOW)
    with pytest.raises(Capped) as capped:
        store.add("acme", ANN, "newsletter", 8, NOW + timedelta(minutes=1), per_hour=1)
    assert (capped.value.cap, capped.value.again) == ("customer", NOW + HOUR)
    with pytest.raises(Capped) as capped:
        store.add("acme", ANN, "newsletter", 8, NOW, per_hour=0)
    assert (capped.value.cap, capped.value.again) == ("customer", None)
    # Nothing of what was refused is to be sent.
    assert [each.request for each in claim(store, NOW + 2 * HOUR)] == [7]


def test_a_claim_is_nobody_elses_until_its_lease_is_over_and_then_doubtful(store: ConfirmationStore) -> None:
    add(store)
    (first,) = claim(store)
    assert claim(store) == claim(store, NOW + LEASE - timedelta(seconds=1)) == []
    (second,) = claim(store, NOW + LEASE)
    assert (second.id, second.attempts, second.doubtful) == (first.id, 2, True)
    assert not store.done(first, NOW, "<a@gw.example>", "250")
    assert not store.again(first, NOW, "late", doubtful=False)
    assert not store.failed(first, "late")
    assert store.done(second, NOW, "<a@gw.example>", "250 2.0.0 ok")
    kept = store.get(first.id)
    assert kept is not None
    assert (kept.status, kept.sent, kept.message_id, kept.reply) == ("sent", NOW, "<a@gw.example>", "250 2.0.0 ok")


def test_what_may_have_been_sent_is_counted_again_or_not_sent_again(store: ConfirmationStore) -> None:
    add(store)
    claim(store)
    (second,) = claim(store, NOW + LEASE)
    assert store.recount(second, NOW + LEASE)
    assert store.recount(second, NOW + LEASE)
    assert store.sent("acme", 7) == 2
    (third,) = claim(store, NOW + 2 * LEASE)
    assert third.doubtful
    assert not store.recount(third, NOW + 2 * LEASE)
    assert store.failed(third, "it may have been sent")
    assert claim(store, NOW + DAY) == []


def test_what_was_refused_for_now_comes_back_when_it_is_due(store: ConfirmationStore) -> None:
    add(store)
    (first,) = claim(store)
    assert store.again(first, NOW + HOUR, "450 later " * 100, doubtful=False)
    assert claim(store, NOW + HOUR - timedelta(seconds=1)) == []
    (second,) = claim(store, NOW + HOUR)
    assert (second.doubtful, second.error[:9], len(second.error)) == (False, "450 later", 300)
    assert store.again(second, NOW + 2 * HOUR, "cut", doubtful=True)
    (third,) = claim(store, NOW + 2 * HOUR)
    assert third.doubtful


def test_one_of_each_customer_at_a_time(store: ConfirmationStore) -> None:
    for number in range(3):
        for customer in ("acme", "brand", "nets"):
            person = Address.parse(f"{customer}-{number}@recipient.example")
            store.add(customer, person, "newsletter", number + 1, NOW)
    assert sorted(each.customer for each in claim(store)) == ["acme", "brand", "nets"]
    assert [each.customer for each in claim(store, NOW, 8, "acme", "nets")] == ["brand"]
    assert len(claim(store, NOW, 2)) == 2


# -- links


def test_a_token_is_a_mail_s_and_nothing_else_is_one(store: ConfirmationStore, secrets: Secrets) -> None:
    mail = add(store)
    token = store.token(mail)
    assert len(token) == 43
    assert mail.id not in token
    assert store.number_of(token) == mail.id
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, letter in enumerate(token):
        for other in (letters[(letters.index(letter) + step) % 64] for step in (1, 32)):
            with pytest.raises(NoToken):
                store.number_of(token[:place] + other + token[place + 1 :])
    for wrong in ("", token[:-1], token + "A", token + "=", "é" * 43, "!" * 43, "A" * 43, " " + token[1:], mail.id):
        with pytest.raises(NoToken):
            store.number_of(wrong)


def test_a_token_of_other_secrets_is_none(store: ConfirmationStore, database: Database, tmp_path: Path) -> None:
    other = ConfirmationStore(database, Secrets.load_or_create(tmp_path / "other.toml"))
    with pytest.raises(NoToken):
        other.number_of(store.token(add(store)))


def test_a_link_is_used_at_one_time(store: ConfirmationStore) -> None:
    mail = add(store)
    assert store.confirmed(mail, NOW + HOUR) == NOW + HOUR
    assert store.confirmed(mail, NOW + DAY) == NOW + HOUR


def test_what_is_long_over_is_forgotten(store: ConfirmationStore) -> None:
    mail = add(store)
    store.purge(NOW + timedelta(days=29))
    assert (store.sent("acme", 7), store.get(mail.id) is None) == (1, False)
    store.purge(NOW + timedelta(days=30))
    assert (store.sent("acme", 7), store.get(mail.id) is None) == (0, False)
    store.purge(NOW + KEPT)
    assert store.get(mail.id) is None
