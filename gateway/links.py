"""Links: the operator's unsubscribe links, made for recipients and known again in messages (R-115, R-117, R-124).

A link begins with the customer's own host name for our service where it has one (`unsubscribe_alias`), else with
`http.public_url`, and holds a token (`consent.unsubscribe`). In a message it is of use when its token is of this
customer and this list, and of the very recipient that the message goes to: else whoever clicks takes somebody else off,
or off another list. Nothing here does I/O.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs
from ulid import ULID

from config.customers import Customer
from config.settings import Settings
from consent.address import Address
from consent.keys import Secrets
from consent.unsubscribe import NoToken, Token, Tokens, fields, link
from filters.message import Message
from filters.model import Facts
from filters.unsubscribe import uris
from gateway.desk import Desk

MOST_OURS = 100
"""Links to our service in one message whose tokens are read; the rest count as those of a host nobody knows."""
_OURS = re.compile(r"((?i:https)://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?:/u/([A-Za-z0-9_-]+)(?:[?#].*)?\Z|[/?#]|\Z)")
"""The place of a URI, and the token of one that is formed as ours are."""


class NoLinks(Exception):
    """No link can be made: the operator has not said under which name its service is reached. Our fault."""


@dataclass(frozen=True, slots=True)
class Link:
    """How one recipient leaves."""

    url: str
    mailbox: str
    """The address to which any mail unsubscribes; "" where no listener takes it."""

    @property
    def values(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """(name, value) of the two header fields, folded with CRLF."""
        return fields(self.url, self.mailbox)

    def members(self, address: str) -> dict[str, str]:
        """What a mail program is given for an address."""
        (_, value), (_, post) = self.values
        return {
            "address": address,
            "url": self.url,
            "list_unsubscribe": value.replace("\r\n ", " "),
            "list_unsubscribe_post": post,
        }


class Links:
    """Makes links and knows them. Cheap to build; for any thread."""

    def __init__(self, settings: Settings, tokens: Tokens, secrets: Secrets) -> None:
        """`settings` say under which names the service is reached."""
        self._tokens, self._secrets = tokens, secrets
        self._public = settings.http.public_url.lower().rstrip("/")
        inbound = any(listener.role == "inbound" for listener in settings.smtp.listeners)
        # Only such a listener takes it; what else strangers may write to is the desk's.
        self._home = Desk(settings.operator).home if inbound else ""

    def make(self, customer: Customer, name: str | None, recipient: Address, reference: str, now: datetime) -> Link:
        """The link by which a recipient leaves the list `name`; None: everything from the customer.

        `reference`, a ULID, stands for the message, or for the request in answer to which links are given out. Raises
        NoLinks.
        """
        base = f"https://{customer.unsubscribe_alias}" if customer.unsubscribe_alias else self._public
        if not base:
            raise NoLinks("http.public_url is not set: set it to what unsubscribe links begin with")
        token = Token(customer.id, name, self._secrets.subject_octets(recipient), reference, recipient.text)
        mailbox = f"{self._tokens.make_mailbox(token, now)}@{self._home}" if self._home else ""
        return Link(link(base, self._tokens.make(token, now)), mailbox)

    def pair(self, facts: Facts, name: str | None, reference: str, now: datetime) -> bytes:
        """List-Unsubscribe and List-Unsubscribe-Post for a message with one recipient, with CRLF. Raises NoLinks."""
        (recipient,) = facts.recipients
        made = self.make(facts.customer, name, recipient, reference, now)
        return "".join(f"{field}: {value}\r\n" for field, value in made.values).encode("ascii")

    def complete(self, facts: Facts, message: Message, name: str | None) -> Facts:
        """The facts with what is to be said of the links in bulk mail for the list `name`; other mail is not looked at.

        None is mail for no list. Pure CPU: it reads the texts, which the rules then need not.
        """
        if not facts.bulk:
            return facts
        unfit = self.judged(message, facts.customer, name, facts.recipients)
        own = frozenset(uri for uri, why in unfit.items() if not why)
        return structs.replace(
            facts, own_unsubscribe=own, unfit_unsubscribe={uri: why for uri, why in unfit.items() if why}
        )

    def judged(
        self, message: Message, customer: Customer, name: str | None, recipients: Sequence[Address]
    ) -> dict[str, str]:
        """The URIs of a message that lead to our service, and why each is of no use in it; "" where it is."""
        places = {self._public, f"https://{customer.unsubscribe_alias or ''}"} - {"", "https://"}
        keys = {self._secrets.subject_octets(each) for each in recipients}
        found: dict[str, str] = {}
        for uri in uris(message):
            form = _OURS.match(uri)
            if form is not None and form[1].lower().removesuffix(":443") in places:
                found[uri] = self._unfit(form[2] or "", customer, name, keys)
                if len(found) >= MOST_OURS:
                    break
        return found

    def _unfit(self, text: str, customer: Customer, name: str | None, keys: set[bytes]) -> str:
        try:
            token = self._tokens.read(text)
        except NoToken:
            return "holds no token of yours"
        if token.customer != customer.id:
            return "holds no token of yours"
        if token.list != name:
            return f"is for {_named(token.list)}, the message for {_named(name)}"
        if keys and keys != {token.key}:
            return "is another recipient's" if token.key not in keys else "is one recipient's, and there are others"
        return ""


def new_reference(now: datetime) -> str:
    """What stands for a request in answer to which links are given out."""
    return str(ULID.from_datetime(now))


def _named(name: str | None) -> str:
    return f"list {name}" if name else "no list"
