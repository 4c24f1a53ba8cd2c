"""What a transaction is charged: by table."""

from typing import Any

import pytest

from config.customers import Credential, Customer
from config.limits import Limits, LimitsPolicy
from consent.address import Address
from gateway.ledger.model import key
from gateway.limits import Charges, Due, Sending, standing

CREDENTIAL = Credential(username="acme-app", password_hash="$argon2id$x", stream="bulk")
ACME = Customer(id="acme", name="Acme", domains=("acme.example", "news.acme.example"), credentials=(CREDENTIAL,))
ANN = Address.parse("Ann@acme.example")
BOB = Address.parse("Bob@Recipient.Example")
CAROL = Address.parse("carol@recipient.example")
DAVE = Address.parse("dave@other.example")
OWN = Address.parse("dan@news.acme.example")
ALL = {"messages_per_hour": 10, "recipients_per_hour": 20, "bytes_per_hour": 30}
TO = {"messages_per_hour": 10, "bytes_per_hour": 30}


def charges(
    policy: dict[str, Any],
    *,
    reverse_path: Address | None = ANN,
    customer: Customer = ACME,
    credential: Credential = CREDENTIAL,
    source: str = "192.0.2.7",
) -> Charges:
    """Only what is named here is limited."""
    quiet: dict[str, Any] = {"recipient_by_customer": Limits(), "recipient_by_all": Limits(), "report": Limits()}
    limits = LimitsPolicy.model_validate({**quiet, **policy})
    return Charges(limits, Sending(customer, credential, source, reverse_path), lambda address: f"#{address.canonical}")


def shown(due: list[Due]) -> list[tuple[str, int, tuple[tuple[int, int], ...], str]]:
    assert all(each.charge.key == each.limit.key for each in due)
    return [(each.charge.key, each.charge.amount, each.charge.caps, each.charge.among) for each in due]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("operator", ("operator", "")),
        ("customer", ("customer", "acme")),
        ("credential", ("customer", "acme", "acme-app")),
        ("source", ("customer", "acme", "192.0.2.7")),
        ("sender", ("customer", "acme", "#ann@acme.example")),
    ],
)
def test_who_sends_is_charged_recipients_at_rcpt_and_the_message_at_its_end(
    scope: str, expected: tuple[str, ...]
) -> None:
    charged = charges({scope: ALL})
    kind, name, *more = expected

    def counter(measure: str) -> str:
        return key(f"{scope}.{measure}", kind, name, *more)

    assert shown(charged.of_recipient(BOB)) == [(counter("recipients"), 1, ((3600, 20),), "")]
    assert shown(charged.of_message([BOB, CAROL], 5000)) == [
        (counter("messages"), 1, ((3600, 10),), ""),
        (counter("bytes"), 5000, ((3600, 30),), ""),
    ]
    assert list(charged.of_deliveries([BOB, CAROL], 5000)) == []


def test_a_stream_is_charged_for_its_own_mail_only() -> None:
    assert [due.limit.name for due in charges({"stream": {"bulk": ALL}}).of_recipient(BOB)] == ["bulk"]
    assert charges({"stream": {"auto": ALL}}).of_recipient(BOB) == []


def test_a_mailbox_is_charged_by_its_customer_and_by_all_on_one_server() -> None:
    charged = charges({"recipient_by_customer": TO, "recipient_by_all": TO})
    by_customer = key("recipient_by_customer.messages", "recipient", "#bob@recipient.example", "acme")
    by_all = key("recipient_by_all.messages", "recipient", "#bob@recipient.example")
    assert shown(charged.of_recipient(BOB)) == [
        (by_customer, 1, ((3600, 10),), ""),
        (by_all, 1, ((3600, 10),), "acme"),
    ]
    assert by_customer.partition("}")[0] == by_all.partition("}")[0]
    assert charged.of_message([BOB], 5000) == []
    found = [(addresses, [due.charge.amount for due in each]) for addresses, each in charged.of_deliveries([BOB], 5000)]
    assert found == [(frozenset((BOB,)), [5000, 5000])]


def test_a_domain_is_charged_each_recipient_and_one_message() -> None:
    charged = charges({"recipient_domain": ALL})
    recipients = key("recipient_domain.recipients", "domain", "recipient.example")
    assert shown(charged.of_recipient(BOB)) == [(recipients, 1, ((3600, 20),), "acme")]
    found = list(charged.of_deliveries([BOB, CAROL, DAVE], 5000))
    assert [addresses for addresses, _ in found] == [{BOB, CAROL}, {DAVE}]
    assert shown(found[0][1]) == [
        (key("recipient_domain.messages", "domain", "recipient.example"), 1, ((3600, 10),), "acme"),
        (key("recipient_domain.bytes", "domain", "recipient.example"), 5000, ((3600, 30),), "acme"),
    ]


EVERY = {
    "operator": ALL,
    "customer": ALL,
    "credential": ALL,
    "stream": {"bulk": ALL},
    "source": ALL,
    "sender": ALL,
    "recipient_by_customer": TO,
    "recipient_by_all": TO,
    "recipient_domain": ALL,
    "report": ALL,
}
SENDING = ["operator", "customer", "credential", "stream", "source"]
TOWARDS = ["recipient_by_customer", "recipient_by_all", "recipient_domain"]


@pytest.mark.parametrize(
    ("reverse_path", "recipient", "exempt", "expected"),
    [
        (ANN, BOB, (), [*SENDING, "sender", *TOWARDS]),
        (None, BOB, (), ["operator", "report", *TOWARDS]),
        (ANN, OWN, (), SENDING),
        (None, OWN, (), ["operator", "report"]),
        (ANN, BOB, ("bob@recipient.example",), SENDING),
        (ANN, BOB, ("recipient.example",), SENDING),
        (ANN, BOB, ("carol@recipient.example", "example"), [*SENDING, "sender", *TOWARDS]),
    ],
    ids=["plain", "report", "own domain", "report to own domain", "exempt", "exempt domain", "another is exempt"],
)
def test_whom_an_rcpt_is_charged_to(
    reverse_path: Address | None, recipient: Address, exempt: tuple[str, ...], expected: list[str]
) -> None:
    if "example" in exempt:
        exempt = (exempt[0], "other.example")
    charged = charges({**EVERY, "exempt_recipients": exempt}, reverse_path=reverse_path)
    assert [due.limit.scope for due in charged.of_recipient(recipient)] == expected
    message = {due.limit.scope for due in charged.of_message([recipient], 1)}
    assert message == set(expected) - set(TOWARDS)
    deliveries = [due.limit.scope for _, each in charged.of_deliveries([recipient], 1) for due in each]
    assert set(deliveries) == set(expected) & set(TOWARDS)


def test_a_sender_is_charged_a_message_of_which_one_recipient_counts() -> None:
    charged = charges({"sender": ALL})
    assert len(charged.of_message([OWN, BOB], 1)) == 2
    assert charged.of_message([OWN], 1) == []


def test_nothing_set_is_nothing_charged() -> None:
    charged = charges({})
    assert charged.of_recipient(BOB) == []
    assert charged.of_message([BOB], 1) == []
    assert list(charged.of_deliveries([BOB], 1)) == []


def test_a_customers_and_a_credentials_own_limits_win() -> None:
    credential = CREDENTIAL.model_copy(update={"limits": Limits(recipients_per_day=7)})
    customer = ACME.model_copy(update={"limits": Limits(recipients_per_hour=5000)})
    limited = {"recipients_per_hour": 1, "recipients_per_day": 2}
    charged = charges({"customer": limited, "credential": limited}, customer=customer, credential=credential)
    assert [due.charge.caps for due in charged.of_recipient(BOB)] == [
        ((3600, 5000), (86_400, 2)),
        ((3600, 1), (86_400, 7)),
    ]


def test_a_network_of_ipv6_is_one_source() -> None:
    one, other = (charges({"source": ALL}, source=address) for address in ("2001:db8::1", "2001:db8::2:1"))
    assert shown(one.of_recipient(BOB)) == shown(other.of_recipient(BOB))


def test_an_address_written_otherwise_is_charged_at_the_same_counter() -> None:
    charged = charges({"recipient_by_all": TO})
    assert shown(charged.of_recipient(BOB)) == shown(charged.of_recipient(Address.parse("BOB@RECIPIENT.EXAMPLE")))


def test_what_is_shown_of_a_customer_is_where_it_is_charged() -> None:
    policy = LimitsPolicy.model_validate(EVERY)
    charged = Charges(policy, Sending(ACME, CREDENTIAL, "192.0.2.7", ANN), lambda address: address.canonical)
    keys = {due.charge.key for due in [*charged.of_recipient(BOB), *charged.of_message([BOB], 1)]}
    found = standing(policy, ACME)
    assert {limit.scope for limit in found} == {"customer", "report", "stream", "credential"}
    assert {limit.key for limit in found if limit.scope != "report"} <= keys


def test_evidence_names_no_local_part() -> None:
    charged = charges(EVERY)
    due = [*charged.of_recipient(BOB), *(each for _, one in charged.of_deliveries([BOB], 1) for each in one)]
    assert not [each.limit.name for each in due if "bob" in each.limit.name.lower() or "ann" in each.limit.name.lower()]
