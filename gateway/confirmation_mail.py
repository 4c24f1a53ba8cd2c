"""Confirmation mail: the message that asks a person to confirm an opt-in, and from whom it comes.

It is a plain text that says who asks, what for, why and until when, and holds nothing else: no picture, no second link,
no words of the customer's own but its names (R-089). It comes from a mailbox of the customer's own where there is one,
as all of its mail does, so that the person knows the sender, its SPF and DKIM speak for it, and a bounce goes to who
sent for it; else from the operator's. No machine answers it (RFC 3834 section 5: Auto-Submitted).
"""

import re
from dataclasses import dataclass
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP

from config.customers import Customer
from config.settings import Settings
from consent.address import Address, AddressError
from consent.confirmation_words import MAIL
from consent.confirmations import Confirmation
from consent.lists import MailingList
from consent.model import Event, moment
from consent.parties import Party
from consent.unsubscribe_page import dated
from consent.unsubscribe_words import LANGUAGES
from gateway.transform import date_time

_NAMED = re.compile(r"://|www\.|@|[\x00-\x1f\x7f]", re.I)
"""What a name of a list or party must not hold to be repeated to somebody who may never have asked."""
_MOST = 100
"""Characters of a name that are repeated."""


class Unsendable(Exception):
    """There is no mailbox to send it from, or the recipient's cannot be written in ASCII; the text says what to do."""


@dataclass(frozen=True, slots=True)
class About:
    """What a confirmation mail is about."""

    customer: Customer
    party: Party
    list: MailingList
    request: Event

    @property
    def sender(self) -> str:
        """The party as people know it."""
        names = (self.party.trading_name, self.party.name, self.customer.name)
        return next((name for name in names if name and _plain(name)), self.customer.id)

    @property
    def list_name(self) -> str:
        """The list as people know it."""
        return self.list.name if self.list.name and _plain(self.list.name) else self.list.id

    @property
    def language(self) -> str:
        """Of the list, else that in which the person asked, else English."""
        tags = (each.lower().partition("-")[0] for each in (self.list.language, self.request.language))
        return next((tag for tag in tags if tag in LANGUAGES), "en")


def _plain(name: str) -> bool:
    return len(name) <= _MOST and not _NAMED.search(name)


def recipient(address: Address) -> str:
    """The recipient as any next hop takes it, its domain as A-labels where it has to be; raises Unsendable."""
    local = address.text.rpartition("@")[0]
    if address.ascii_only or local.isascii():
        return address.text if address.ascii_only else f"{local}@{address.domain}"
    raise Unsendable("address: its local-part is not ASCII, and the next hop may not take others: use another address")


def author(settings: Settings, about: About) -> tuple[Address, bool]:
    """(the mailbox it comes from, whether that is the customer's own); raises Unsendable."""
    for text in (about.party.email, about.customer.contact):
        found = _mailbox(text)
        if found is not None and found.domain in about.customer.domains:
            return found, True
    found = _mailbox(settings.operator.mailbox)
    if found is None:
        raise Unsendable(
            "no mailbox to send from: the customer's contact is none in its own domains, and the operator has set no "
            "[operator] mailbox"
        )
    return found, False


def _mailbox(text: str) -> Address | None:
    try:
        found = Address.parse(text.strip())
    except AddressError:
        return None
    return found if found.ascii_only else None


def content(settings: Settings, about: About, mail: Confirmation, link: str, to: str) -> bytes:
    """The message with CRLF, unsigned and without doubled dots. The same in every attempt. Raises Unsendable."""
    words, language = MAIL[about.language], about.language
    mailbox, own = author(settings, about)
    sender = about.sender
    names = {"sender": sender, "list": about.list_name, "gateway": settings.hostname}
    asked = about.request.recorded if about.request.at is None else about.request.at
    names["date"] = dated(moment(asked).date(), language)
    names["until"] = f"{dated(mail.expires.date(), language)}, {mail.expires:%H:%M}"
    paragraphs = [words[name].format(**names) for name in ("why", "act")]
    paragraphs += [link, *(words[name].format(**names) for name in ("until", "ignore"))]
    signature = [sender, about.party.postal_address, about.party.contact]
    paragraphs.append("\n".join(each for each in signature if each))
    message = EmailMessage(policy=SMTP)
    message["Date"] = date_time(int(mail.created.timestamp()))
    local, _, domain = mailbox.text.rpartition("@")
    message["From"] = Mailbox(sender, local, domain)
    reply_to = _mailbox(about.party.email or about.customer.contact)
    if not own and reply_to is not None:
        message["Reply-To"] = reply_to.text
    message["To"] = to
    message["Subject"] = words["subject"].format(**names)
    message["Message-ID"] = message_id(settings, mail)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(paragraphs) + f"\n\n-- \n{words['via'].format(**names)}\n", cte="quoted-printable")
    message["Content-Language"] = language
    return message.as_bytes()


def message_id(settings: Settings, mail: Confirmation) -> str:
    """Its Message-ID; the id in it makes no link."""
    return f"<confirm.{mail.id}@{settings.hostname}>"


def stuffed(octets: bytes) -> bytes:
    """As it goes over the wire: dots doubled (RFC 5321 section 4.5.2)."""
    return re.sub(rb"(?m)^\.", b"..", octets)
