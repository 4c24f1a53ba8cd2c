"""Leaving: a transaction whose recipients are unsubscribe addresses (RFC 2369 section 3.2, R-121).

The mail itself is ignored, its subject and body too: that it was sent by somebody who has the address is the whole
word. What programs send by themselves (bounces, auto-replies) is taken and changes nothing. Nothing is forwarded.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from consent.address import Address
from consent.database import RegistryError
from consent.unsubscribe import NoToken, Short
from filters.message import Message
from filters.model import Finding, Outcome, Reply, Verdict
from filters.reports import Report, mark
from gateway.smtp import replies
from gateway.unsubscribes import Unsubscribes

if TYPE_CHECKING:
    from gateway.desk import Desk

log = logging.getLogger("postern.unsubscribe")

MOST = 10
"""Unsubscribe addresses of one transaction: a person leaves one list at a time."""
LATER = Reply(451, "4.3.0", "This cannot be recorded now; try again later")
DONE = Reply(250, "2.0.0", "Unsubscribed")
NOTHING = Reply(250, "2.0.0", "Accepted; automatic mail unsubscribes nobody")


class Leaving:
    """The unsubscribe addresses of one transaction."""

    def __init__(self, unsubscribes: Unsubscribes, desk: "Desk") -> None:
        self._unsubscribes, self._desk = unsubscribes, desk
        self._shorts: list[Short] = []

    def __bool__(self) -> bool:
        return bool(self._shorts)

    def read(self, address: Address) -> Short | None:
        """What an address says; None for any that is no unsubscribe address of this operator's."""
        if address.domain not in self._desk.domains:
            return None
        try:
            return self._unsubscribes.tokens.read_mailbox(address.canonical.rpartition("@")[0])
        except NoToken:
            return None

    def add(self, short: Short) -> None:
        """One more recipient."""
        self._shorts.append(short)

    @property
    def full(self) -> bool:
        """Whether no more can be taken."""
        return len(self._shorts) >= MOST

    async def conclude(self, message: Message, sender: Address | None) -> tuple[Verdict, Reply]:
        """What becomes of the message. Raises JournalError."""
        # A bounce that only its words tell is none here: of a person's own mail the words are ignored.
        if sender is None or mark(message) not in (None, Report.BOUNCE):
            return Verdict(Outcome.ACCEPT, ()), NOTHING
        try:
            senders = (sender, *(message.mailboxes("from") or ())[:1])
            left = [await asyncio.to_thread(self._unsubscribes.leave_by_mail, short, senders) for short in self._shorts]
        except RegistryError as error:
            log.error("unsubscribing by mail: %s", error)
            return Verdict(Outcome.DEFER, ()), LATER
        if all(left):
            return Verdict(Outcome.ACCEPT, ()), DONE
        found: Finding = replies.RELAY.finding("an unsubscribe address of nothing that is on record")
        return Verdict(Outcome.REJECT, (found,), found), found.reply
