"""Import context: what an order means: its list, party, notice and zone, looked up once, for every row of its file."""

import hmac
import re

from config.customers import Customer
from consent.database import Database
from consent.documents import DocumentError
from consent.import_jobs import Order
from consent.imports.grades import banned
from consent.imports.row import Context, ImportRefused
from consent.imports.times import zone_named
from consent.keys import Secrets
from consent.lists import ListStore, MailingList, UnknownList, new_list
from consent.notices import NoticeStore
from consent.parties import PartyStore

_NOTICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_MOST_ATTESTATION = 2000


class Contexts:
    """Makes the context of an import. Every method raises RegistryError when the registry cannot answer."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._reference_key = hmac.digest(secrets.address_secret, b"postern document references 1", "sha256")
        self._lists, self._notices, self._parties = ListStore(database), NoticeStore(database), PartyStore(database)

    def make(self, customer: Customer, order: Order, import_id: str, recorded: int) -> Context:
        """The context of an order; `recorded`, the time of the import, in microseconds.

        Raises ImportRefused for a zone, notice, list or party that cannot be. Writes nothing: a list that nobody has
        named before is taken as it will be.
        """
        if len(order.attestation) > _MOST_ATTESTATION:
            raise ImportRefused(f"the attestation is longer than {_MOST_ATTESTATION} characters")
        if order.notice and not _NOTICE.match(order.notice):
            raise ImportRefused("a notice's id is letters, digits, '.', '-' and '_', at most 64, such as signup-3")
        found = self._list(customer, order)
        pre_ticked = frozenset(each.id for each in self._notices.all(customer.id) if each.default_checked)
        try:
            zone = zone_named(order.zone) if order.zone else None
        except ValueError as error:
            raise ImportRefused(f"{order.zone[:80]!r} is {error}") from None
        return Context(
            import_id=import_id,
            list=order.list,
            party=found.party,
            recorded=recorded,
            actor=order.uploader,
            zone=zone,
            zone_name=order.zone,
            notice=order.notice,
            # One that is not on file is recorded as declared: nothing speaks against it (design.md section 9).
            notice_default_checked=order.notice in pre_ticked,
            scope_all=order.scope_all,
            pre_ticked=pre_ticked,
            reference_key=self._reference_key,
        )

    def refuse_banned(self, customer: Customer, order: Order) -> None:
        """Raise ImportRefused when the list's addresses are declared as bought, rented, appended or scraped (R-098)."""
        source = self._list(customer, order).source
        if banned(source):
            raise ImportRefused(
                f"list {order.list!r} is declared as {source}: such addresses are no ground for any mail, so no"
                " consents are taken for it. Files that only stop mail can be imported."
            )

    def ensure(self, customer: Customer, order: Order, now: int) -> None:
        """Make the list, if nobody has named it before."""
        self._lists.ensure(customer, order.list, now, party=order.party or None)

    def _list(self, customer: Customer, order: Order) -> MailingList:
        try:
            if order.party:
                self._parties.get(customer, order.party)
            try:
                found = self._lists.get(customer, order.list)
            except UnknownList:
                found = new_list(customer, order.list, party=order.party or None)
        except DocumentError as error:
            raise ImportRefused(str(error)) from None
        if order.party and found.party != order.party:
            raise ImportRefused(f"list {order.list!r} is of party {found.party!r}, not {order.party!r}")
        return found
