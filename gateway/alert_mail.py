"""Alert mail: what a customer without a webhook is told, as one plain message from the operator's mailbox.

It has no sender that could be answered by a machine: reverse-path `<>` and Auto-Submitted (RFC 3834 section 5), so that
it starts no loop.
"""

import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from config.customers import Customer
from config.settings import Settings
from consent.address import Address, AddressError
from consent.outbox import Dispatch
from gateway.own_mail import MailFailed, OwnMail
from gateway.transform import date_time

_ANSWER = """\
450 until there is room again: your server keeps it and tries again.
Where we have made the limit a hard one the answer is 550, and it comes back to its sender"""

_BULK = """\
Near-identical mail of this account (cluster {cluster}) has reached {over}.

For 24 hours it is answered 450 where its recipient has neither a consent nor a relationship on file; then 550.
Record the grounds, and send bulk mail through a credential with stream "bulk". If it is no bulk mail, such as
receipts or alerts, write to us: we can label it.
"""


class AlertMail:
    """Sends it through the first next hop."""

    def __init__(self, settings: Callable[[], Settings], mail: OwnMail) -> None:
        """`settings` gives those in force."""
        self._settings, self._mail = settings, mail

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
        await self._mail.send(settings, settings.next_hops[0], customer.id, "", recipient.text, octets, noun="contact")


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
