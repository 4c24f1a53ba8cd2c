"""To whom bulk mail may go. What a dialogue can show stands in tests/dialogs/bulk.txt."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from consent.address import Address
from consent.database import RegistryDown
from consent.lists import new_list
from consent.model import Reason
from consent.parties import Party
from gateway.app import Gateway
from gateway.consents import By, Stop
from gateway.registry import FRESH, PAUSE
from tests.rig.bulk import BULK_CUSTOMERS, CUSTOMER, campaign, consents, withdraws
from tests.rig.gateway import CUSTOMERS, Clock, decisions, running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk

BOB, EVE = "bob@recipient.example", "eve@recipient.example"


class Mailer:
    """Sends bulk mail through a gateway."""

    def __init__(self, gateway: Gateway, hop: Smtpd) -> None:
        self.gateway, self.hop = gateway, hop

    async def send(
        self, *to: str, user: str = "acme-bulk", path: str = "news@acme.example", message: bytes | None = None
    ) -> list[str]:
        """The replies to each RCPT and, where one was accepted, to the final dot."""
        talk = await Talk.to(self.gateway.smtp_addresses[0])
        try:
            assert (await talk.login(user)).startswith("235 ")
            assert (await talk.ask(f"MAIL FROM:<{path}>")).startswith("250 ")
            replies = [await talk.ask(f"RCPT TO:<{each}>") for each in to]
            if any(reply.startswith("250 ") for reply in replies):
                assert (await talk.ask("DATA")).startswith("354 ")
                replies.append(await talk.ask(message or campaign(to[0])))
            return replies
        finally:
            talk.writer.close()

    @property
    def last(self) -> dict[str, Any]:
        """The last decision in the audit."""
        return decisions(self.gateway)[-1]


def codes(replies: Sequence[str]) -> list[str]:
    return [reply[:3] for reply in replies]


@pytest_asyncio.fixture
async def mailer(tmp_path: Path) -> AsyncIterator[Mailer]:
    clock = Clock()
    async with running(tmp_path, customers=BULK_CUSTOMERS, clock=clock) as (gateway, hop, _):
        yield Mailer(gateway, hop)


async def test_the_record_holds_what_it_was_decided_by(mailer: Mailer) -> None:
    await consents(mailer.gateway, BOB)
    assert codes(await mailer.send(BOB)) == ["250", "250"]
    found = mailer.last
    assert (found["class"], found["basis"], found["cluster"]) == ("C4", "stream bulk", None)
    (ground,) = found["grounds"]
    assert (ground["ground"], ground["grade"]) == ("express", "E2") and ground["event"] > 0
    mailing = found["mailing"]
    assert (mailing["list"], mailing["party"], mailing["required"], mailing["profiles"]) == (
        "spring",
        "acme",
        "E2",
        ["us"],
    )
    assert (found["policy"], found["version"]) == (mailer.gateway.policy.digest, mailer.gateway.version)


async def test_who_left_is_refused_from_the_next_rcpt_on(mailer: Mailer) -> None:
    await consents(mailer.gateway, BOB)
    assert codes(await mailer.send(BOB)) == ["250", "250"]
    await withdraws(mailer.gateway, BOB)
    assert codes(await mailer.send(BOB)) == ["550"]


async def test_a_registry_that_is_away_puts_bulk_mail_off_and_no_other(
    mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await consents(mailer.gateway, BOB)

    def away(*_: object) -> None:
        raise RegistryDown("registry: no answer")

    with monkeypatch.context() as down:
        down.setattr(mailer.gateway.consents.store, "known", away)
        now = mailer.gateway.registry._monotonic()
        assert await mailer.send(BOB) == ["451 4.3.0 Consents cannot be looked up at present; try again later"]
        personal = b"From: ann@acme.example\r\n\r\nShall we meet?\r\n.\r\n"
        assert codes(await mailer.send(BOB, user="acme-app", message=personal)) == ["250", "250"]
        declared = campaign(BOB, fields=["List-Id: <spring.acme.example>"])
        assert codes(await mailer.send(BOB, user="acme-app", message=declared)) == ["250", "451"]
        assert len(mailer.hop.accepted) == 1
        assert mailer.gateway.metrics.text().decode().count('postern_alarms_total{part="registry"} 1.0') == 1
    # When it answers again it is asked again, at the latest after a pause.
    monkeypatch.setattr(mailer.gateway.registry, "_monotonic", lambda: now + 60 + PAUSE)
    assert codes(await mailer.send(BOB)) == ["250", "250"]


async def test_a_reverse_path_that_is_a_lists_says_which_it_is(mailer: Mailer) -> None:
    gateway = mailer.gateway
    await consents(gateway, BOB, name="autumn")
    entry = gateway.directory.get("acme")
    assert entry is not None
    gateway.consents.lists.put(
        entry.customer, replace(new_list(entry.customer, "autumn"), reverse_paths=("autumn-*@news.acme.example",))
    )
    assert codes(await mailer.send(BOB, user="acme-lists", path="autumn-17@news.acme.example")) == ["250", "250"]
    assert mailer.last["mailing"]["list"] == "autumn"
    # It goes before the credential's list, and behind what follows the username.
    assert codes(await mailer.send(BOB, path="autumn-18@news.acme.example")) == ["250", "250"]
    assert codes(await mailer.send(BOB, user="acme-bulk+spring", path="autumn-18@news.acme.example")) == ["550"]


async def test_a_list_is_sent_in_the_name_of_its_party(mailer: Mailer, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = mailer.gateway
    entry = gateway.directory.get("acme")
    assert entry is not None
    brand = Party(
        id="brand", name="Brand", postal_address="1 High Street", email="x@acme.example", domains=("news.acme.example",)
    )
    gateway.consents.parties.put(entry.customer, brand)
    gateway.consents.lists.put(entry.customer, new_list(entry.customer, "branded", party="brand"))
    await consents(gateway, BOB, name="branded")
    replies = await mailer.send(BOB, user="acme-bulk+branded")
    assert replies[-1].startswith("550 5.7.1 From is not of the party whose list this mail is sent for; ref ")
    message = campaign(BOB).replace(b"<news@acme.example>", b"<x@news.acme.example>")
    assert codes(await mailer.send(BOB, user="acme-bulk+branded", message=message)) == ["250", "250"]
    assert mailer.last["mailing"]["party"] == "brand"


async def test_a_list_that_was_changed_is_known_to_be_within_seconds(
    mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = mailer.gateway
    await consents(gateway, BOB)
    assert codes(await mailer.send(BOB)) == ["250", "250"]
    entry = gateway.directory.get("acme")
    assert entry is not None
    gateway.consents.lists.complained(entry.customer, "spring", 1)  # from now on it needs confirmed opt-in
    now = gateway.registry._monotonic()
    monkeypatch.setattr(gateway.registry, "_monotonic", lambda: now + FRESH)
    (reply,) = await mailer.send(BOB)
    assert reply.startswith("550 5.7.1 Proof of consent or relationship insufficient")


async def test_who_refuses_all_mail_gets_no_personal_mail_either(mailer: Mailer) -> None:
    entry = mailer.gateway.directory.get("acme")
    assert entry is not None
    stop = Stop(Address.parse(BOB), reason=Reason.MANUAL, stops="all")
    mailer.gateway.consents.suppress(entry.customer, stop, By("token:1", operator=False))
    replies = await mailer.send(BOB, EVE, user="acme-app", message=b"From: ann@acme.example\r\n\r\nHello\r\n.\r\n")
    assert replies[0].startswith("550 5.7.1 Recipient refuses all mail from you; do not retry")
    assert codes(replies[1:]) == ["250", "250"]
    assert mailer.hop.accepted[-1].recipients == (EVE,)


async def test_an_observed_customer_reaches_everybody_and_the_record_says_what_would_have_been(tmp_path: Path) -> None:
    customers = [{**CUSTOMER, "mode": "observe"}, *CUSTOMERS[1:]]
    async with running(tmp_path, customers=customers) as (gateway, hop, _):
        mailer = Mailer(gateway, hop)
        assert codes(await mailer.send(BOB, EVE)) == ["250", "250", "250"]
        assert ("NO-CONSENT", "reject") in {(each["code"], each["action"]) for each in mailer.last["findings"]}
        assert [each["refused"] for each in mailer.last["grounds"]] == ["NO-CONSENT", "NO-CONSENT"]


async def test_the_two_fields_are_put_in_where_the_customer_wants_it_and_the_link_is_the_recipients(
    tmp_path: Path,
) -> None:
    clock = Clock()
    settings = {"http": {"address": "127.0.0.1:0", "public_url": "https://u.gw.example"}}
    customers = [{**CUSTOMER, "unsubscribe": "insert"}, *CUSTOMERS[1:]]
    async with running(tmp_path, customers=customers, settings=settings, clock=clock) as (gateway, hop, _):
        mailer = Mailer(gateway, hop)
        await consents(gateway, BOB, EVE)
        bare = b"\r\n".join(line for line in campaign(BOB).split(b"\r\n") if not line.startswith(b"List-"))
        assert codes(await mailer.send(BOB, message=bare)) == ["250", "250"]
        header = hop.accepted[-1].content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
        (field,) = [line for line in header.split("\r\n") if line.startswith("List-Unsubscribe:")]
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in header
        assert "added List-Unsubscribe and List-Unsubscribe-Post" in mailer.last["modifications"]
        token = gateway.unsubscribe_tokens.read(field.partition("/u/")[2].partition(">")[0])
        assert (token.customer, token.list, token.reference) == ("acme", "spring", mailer.last["reference"])
        assert token.key == gateway.stores.secrets.subject_octets(Address.parse(BOB))
        replies = await mailer.send(BOB, EVE, message=bare)
        assert replies[-1].startswith("550 5.7.0 Bulk mail without List-Unsubscribe is taken with one recipient")
        # One that brings its own is not touched.
        assert codes(await mailer.send(BOB, EVE)) == ["250", "250", "250"]
        assert b"u.gw.example" not in hop.accepted[-1].content


async def test_what_was_put_off_over_a_withdrawal_leaves_nothing_reserved(mailer: Mailer) -> None:
    await consents(mailer.gateway, BOB, EVE)
    talk = await Talk.to(mailer.gateway.smtp_addresses[0])
    assert (await talk.login("acme-bulk")).startswith("235 ")
    assert (await talk.ask("MAIL FROM:<news@acme.example> PRDR")).startswith("250 ")
    for each in (BOB, EVE):
        assert (await talk.ask(f"RCPT TO:<{each}>")).startswith("250 ")
    assert (await talk.ask("DATA")).startswith("354 ")
    await withdraws(mailer.gateway, EVE)
    assert (await talk.ask(campaign(BOB))).startswith("353 ")
    assert [(await talk.reply())[:3] for _ in range(3)] == ["250", "451", "250"]
    assert mailer.hop.accepted[-1].recipients == (BOB,)
    talk.writer.close()
