"""Of which class mail is, and how mail is paced that is new and reaches many (R-070 to R-078)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from consent.cluster_labels import LabelName
from gateway.app import Gateway
from gateway.audit.search import Query
from gateway.classing import GRACE
from tests.rig.bulk import BULK_CUSTOMERS, CUSTOMER, consents, relates, requests
from tests.rig.gateway import CUSTOMERS, Clock, decisions, running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk

TEXT = """Dear {name},

our spring collection has arrived, and you are among the first who may see it. From Monday on the shop in
Exampletown is open until eight in the evening, with coffee and cake for everybody who comes before noon. The new
chairs are made of ash from the valley, oiled by hand, and light enough to be carried with two fingers. Bring your
old ones and we take them back at a fair price. We look forward to seeing you and your friends, {name}.
"""


class Sender:
    """Mail of one credential, each message to one person with that person's name in it."""

    def __init__(self, gateway: Gateway, hop: Smtpd, clock: Clock) -> None:
        self.gateway, self.hop, self.clock = gateway, hop, clock
        self._number = 0

    async def send(
        self, *to: str, user: str = "acme-app", text: str = TEXT, fields: str = "", path: str = "ann@acme.example"
    ) -> str:
        """One message to one or several people; the first reply that is none of 250 and 354, else that to the dot."""
        talk = await Talk.to(self.gateway.smtp_addresses[0])
        assert (await talk.login(user)).startswith("235 ")
        self._number += 1
        try:
            for command in (f"MAIL FROM:<{path}>", *(f"RCPT TO:<{each}>" for each in to), "DATA"):
                reply = await talk.ask(command)
                if reply[:3] not in ("250", "354"):
                    return reply
            body = text.format(name=f"Person{self._number}").replace("\n", "\r\n")
            head = f"From: ann@acme.example\r\nMessage-ID: <{self._number}@acme.example>\r\n{fields}"
            return await talk.ask(f"{head}\r\n{body}.\r\n".encode())
        finally:
            talk.writer.close()

    async def campaign(self, first: int, count: int, **more: Any) -> list[str]:
        """The codes that so many people in a row are answered with."""
        return [(await self.send(f"r{first + each}@recipient.example", **more))[:3] for each in range(count)]

    @property
    def last(self) -> dict[str, Any]:
        """The last decision in the audit."""
        return decisions(self.gateway)[-1]

    async def label(self, name: LabelName | None) -> None:
        """The operator says what the cluster of the last decision is."""
        store = self.gateway.stores.cluster_labels
        store.put("acme", self.last["cluster"], name, "test", "ticket 1", self.clock())
        await self.gateway.refresh()


@pytest_asyncio.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    clock = Clock()
    async with running(tmp_path, customers=BULK_CUSTOMERS, clock=clock) as (gateway, hop, _):
        yield Sender(gateway, hop, clock)


async def test_mail_that_is_new_reaches_twenty_in_ten_minutes_and_the_rest_waits(sender: Sender) -> None:
    replies = await sender.campaign(0, 30)
    assert replies == ["250"] * 20 + ["450"] * 10
    assert len(sender.hop.accepted) == 20
    reply = await sender.send("r99@recipient.example")
    assert reply.startswith("450 4.7.28 Near-identical mail to many recipients is paced: 20 recipients per 10 minutes")
    # Whoever had it already may have the next one at once.
    assert (await sender.send("r3@recipient.example")).startswith("250 ")
    sender.clock.now += timedelta(minutes=13)
    assert await sender.campaign(30, 22) == ["250"] * 20 + ["450"] * 2


async def test_it_may_reach_more_by_the_hour(sender: Sender) -> None:
    assert (await sender.campaign(0, 20))[-1] == "250"
    sender.clock.now += timedelta(hours=1, minutes=1)
    assert await sender.campaign(20, 42) == ["250"] * 40 + ["450"] * 2


async def test_different_mail_to_many_people_is_not_paced(sender: Sender) -> None:
    for number in range(40):
        words = " ".join(f"word{number}x{each}" if each % 3 else "and then again" for each in range(60))
        assert (await sender.send(f"r{number}@recipient.example", text=f"{words}\n")).startswith("250 ")
    assert {each["class"] for each in decisions(sender.gateway)} == {"C1"}


async def test_own_people_and_one_mailbox_again_and_again_do_not_count(sender: Sender) -> None:
    for number in range(30):
        assert (await sender.send(f"r{number}@acme.example")).startswith("250 ")
        assert (await sender.send("alerts@recipient.example")).startswith("250 ")


async def test_what_the_next_hop_refuses_has_reached_nobody(sender: Sender) -> None:
    sender.hop.on("DOT", "554 5.6.0 No")
    assert await sender.campaign(0, 30) == ["554"] * 30
    sender.hop.on("DOT", "452 4.3.1 Full")
    assert await sender.campaign(0, 30) == ["452"] * 30
    sender.hop.on("DOT", None)
    assert await sender.campaign(0, 21) == ["250"] * 20 + ["450"]


async def test_a_message_to_more_than_may_be_reached_waits_and_passes_later(sender: Sender) -> None:
    team = [f"r{number}@recipient.example" for number in range(30)]
    assert (await sender.send(*team)).startswith("450 4.7.28 ")
    sender.clock.now += timedelta(hours=1, minutes=1)
    assert (await sender.send(*team)).startswith("250 ")


async def test_above_the_observed_numbers_it_needs_grounds_at_first_by_450_then_by_550(sender: Sender) -> None:
    told: list[str] = []
    for _ in range(8):  # twenty in ten minutes; the window is looked at in slots of two
        told += await sender.campaign(len(told), 20)
        sender.clock.now += timedelta(minutes=13)
    assert told[:100] == ["250"] * 100
    assert set(told[100:]) == {"450"}
    reply = await sender.send("r500@recipient.example")
    assert reply.startswith(
        "450 4.7.28 This mail reaches many: it is bulk mail, and the recipient has no ground on file"
    )
    assert (sender.last["class"], sender.last["basis"]) == (
        "C4",
        "observed: 101 recipients in a day, 100 without declaring it",
    )
    assert sender.last["grounds"] == [{"refused": "NO-CONSENT", "reasons": ["NO-CONSENT"]}]
    await consents(sender.gateway, "r501@recipient.example", name="spring")
    # A consent for a list is none for mail of no list; who may have all mail may have this.
    assert (await sender.send("r501@recipient.example")).startswith("450 ")
    await relates(sender.gateway, "r502@recipient.example")
    assert (await sender.send("r502@recipient.example")).startswith("250 ")
    assert sender.last["grounds"][0]["ground"] == "aup_relationship"
    sender.clock.now += GRACE
    assert (await sender.send("r503@recipient.example")).startswith("550 5.7.")
    acts = [each for each in sender.gateway.evidence.search(Query(kind="action")) if each["act"] == "bulk observed"]
    assert [(each["customer"], each["details"]["told"]) for each in acts] == [("acme", "nobody")]


@pytest.mark.parametrize(
    ("label", "expected"),
    [("transactional", ("C2", "250")), ("bulk", ("C4", "550")), (None, ("C1", "250"))],
)
async def test_the_operators_label_goes_before_everything(
    sender: Sender, label: LabelName | None, expected: tuple[str, str]
) -> None:
    assert await sender.campaign(0, 2) == ["250", "250"]
    if label is not None:
        await sender.label(label)
    assert (await sender.send("r3@recipient.example"))[:3] == expected[1]
    assert sender.last["class"] == expected[0]


async def test_a_transactional_credential_is_not_paced_but_may_not_advertise(sender: Sender) -> None:
    receipt = "Thank you for your order {name}.\nOrder number 4711, invoice total 19.90 EUR, paid by card.\n" * 3
    assert set(await sender.campaign(0, 150, user="acme-receipts", text=receipt)) == {"250"}
    assert (sender.last["class"], sender.last["basis"]) == ("C2", "stream transactional")


async def test_confirmation_mail_answers_a_request_and_goes_to_one(sender: Sender) -> None:
    text = "Please confirm that you want our newsletter, {name}.\n" + TEXT
    assert await sender.campaign(0, 2, text=text) == ["250", "250"]
    await sender.label("confirmation")
    reply = await sender.send("r3@recipient.example", text=text)
    assert reply.startswith("550 5.7.1 No recent opt-in request on file for this confirmation mail")
    reply = await sender.send("r3@recipient.example", "r4@recipient.example", text=text)
    assert reply.startswith("550 5.7.1 A confirmation mail has one recipient")
    await requests(sender.gateway, "r5@recipient.example")
    replies = [(await sender.send("r5@recipient.example", text=text))[:3] for _ in range(3)]
    assert replies == ["250", "250", "550"]
    assert (sender.last["class"], sender.last["findings"][-1]["code"]) == ("C5", "CONFIRMATION-LIMIT")


async def test_observed_customers_are_neither_paced_nor_refused(tmp_path: Path) -> None:
    clock = Clock()
    customers = [{**CUSTOMER, "mode": "observe"}, *CUSTOMERS[1:]]
    async with running(tmp_path, customers=customers, clock=clock) as (gateway, hop, _):
        sender = Sender(gateway, hop, clock)
        assert set(await sender.campaign(0, 130)) == {"250"}
        found = {(each["code"], each["action"]) for each in sender.last["findings"]}
        assert ("UNDECLARED-BULK", "defer") in found


async def test_zero_switches_pace_and_observation_off(tmp_path: Path) -> None:
    clock = Clock()
    bulk = {"slow_start": 0, "observed": {"day": 0, "month": 0, "year": 0}}
    async with running(tmp_path, customers=[{**CUSTOMER, "bulk": bulk}, *CUSTOMERS[1:]], clock=clock) as (
        gateway,
        hop,
        _,
    ):
        assert set(await Sender(gateway, hop, clock).campaign(0, 130)) == {"250"}


async def test_an_advertisement_under_cover_of_receipts_is_bulk_mail_however_large(sender: Sender) -> None:
    offers = (
        "SALE! 50 % off everything until Sunday. Shop now: https://www.acme.example/sale and save with code SPRING50.\n"
    )
    for text in (offers * 6, offers * 60):
        assert (await sender.send("r1@recipient.example", user="acme-receipts", text=text))[:3] == "550"
        assert sender.last["class"] == "C4" and sender.last["basis"].startswith("promotional content: ")
