"""Alert mail: what a customer without a webhook is told, as one plain message from the operator's mailbox.

It has no sender that could be answered by a machine: reverse-path `<>` and Auto-Submitted (RFC 3834 section 5), so that
it starts no loop.
"""

import asyncio
import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from config.customers import Customer
from config.files import ConfigError
from config.settings import Settings
from consent.address import Address, AddressError
from consent.outbox import Dispatch
from gateway.nexthop import NextHop
from gateway.rota import Rota
from gateway.transform import date_time

_DOT_SECONDS = 45.0
_WHOLE_SECONDS = 60.0
_ANSWER = """\
450 until there is room again: your server keeps it and tries again.
Where we have made the limit a hard one the answer is 550, and it comes back to its sender"""

_BULK = """\
Near-identical mail of this account (cluster {cluster}) has reached {over}.

For 24 hours it is answered 450 where its recipient has neither a consent nor a relationship on file; then 550.
Record the grounds, and send bulk mail through a credential with stream "bulk". If it is no bulk mail, such as
receipts or alerts, write to us: we can label it.
"""


class MailFailed(Exception):
    """The next hop did not take it, or it cannot be sent; the text says why."""


class AlertMail:
    """Sends it through the first next hop, on a session of its own for each: they are few, and no customer waits."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """`settings` gives those in force."""
        self._settings, self._rota = settings, Rota()

    def reaches(self, customer: Customer) -> bool:
        """Whether there is somebody to write from and somebody to write to."""
        return bool(self._settings().operator.mailbox and customer.contact)

    async def send(self, customer: Customer, dispatch: Dispatch) -> None:
        """Send a dispatch to a customer's contact; raises MailFailed."""
        settings = self._settings()
        try:
            recipient = Address.parse(customer.contact)
        except AddressError as error:
            raise MailFailed(f"contact is no mailbox: {error}") from None
        if not recipient.ascii_only or not settings.operator.mailbox.isascii():
            raise MailFailed("contact and [operator] mailbox must be ASCII: the next hop may not take others")
        octets = content(settings, customer, dispatch)
        only = settings.next_hops[0].model_copy(update={"sessions": 1, "share": 1.0})
        clock = asyncio.get_running_loop().time
        hop = NextHop(only, hostname=settings.hostname, clock=clock, on_alarm=None, rota=self._rota)
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                await hop.start()
                await self._pass_on(hop, customer, recipient, octets)
        except TimeoutError:
            raise MailFailed(f"the next hop did not take it within {_WHOLE_SECONDS:g} s") from None
        except ConfigError as error:
            raise MailFailed(str(error)) from None
        finally:
            await hop.close()

    async def _pass_on(self, hop: NextHop, customer: Customer, recipient: Address, octets: bytes) -> None:
        transaction = hop.transaction(customer.id, "")
        reply = await transaction.rcpt(recipient.text)
        if not reply.positive:
            await transaction.abandon()
            raise MailFailed(f"the next hop does not take the contact: {reply.code} {reply.enhanced}")
        delivery = await transaction.send(octets, (), dot_timeout=_DOT_SECONDS)
        if delivery.outcome != "accepted":
            raise MailFailed(f"the next hop does not take the mail: {delivery.reply.code} {delivery.reply.enhanced}")


def content(settings: Settings, customer: Customer, dispatch: Dispatch) -> bytes:
    """The message as it goes over the wire: CRLF, dots doubled (RFC 5321 section 4.5.2). The same in every attempt."""
    event: dict[str, Any] = json.loads(dispatch.body)
    subject, text = words(dispatch.type, event["data"])
    message = EmailMessage(policy=SMTP)
    message["Date"] = date_time(int(dispatch.created.timestamp()))
    message["From"] = settings.operator.mailbox
    message["To"] = Address.parse(customer.contact).text
    message["Subject"] = subject
    message["Message-ID"] = f"<{dispatch.id}@{settings.hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    footer = f"This was written by the mail gateway {settings.hostname} for account {customer.id}.\nId: {dispatch.id}\n"
    message.set_content(f"{text}\n{footer}", cte="quoted-printable")
    octets = message.as_bytes()
    return re.sub(rb"(?m)^\.", b"..", octets)


def words(kind: str, data: dict[str, Any]) -> tuple[str, str]:
    """Subject and text for what has happened."""
    if kind == "bulk.observed":
        return "Mail of this account is treated as bulk mail", _BULK.format(**data)
    if kind != "limit.reached":
        return f"Notice: {kind}", "".join(f"{name}: {value}\n" for name, value in data.items())
    window = data["window"].replace("_", " ")
    whose = f" of credential {data['credential']}" if data["credential"] else ""
    subject = f"{data['level']} % of the limit on {data['measure']} ({window}) is used"
    text = (
        f"The limit on {data['measure']}{whose} ({data['scope']}) is {data['cap']} per {window}.\n"
        f"{data['used']} are used: {data['level']} % is reached.\n\n"
    )
    if data["level"] >= 100:
        return subject, text + f"What is beyond it is answered {_ANSWER}.\n"
    return subject, text + f"What comes beyond it will be answered {_ANSWER}.\n"
