"""Constant Contact: the export of contacts.

`Email address, First name, Last name, …, Email status, Email permission status, Email update source, Confirmed Opt-Out
Date, …, Source Name, Created At, Updated At`, with times such as `2020-09-25 16:45:13 -0400`. An unsubscribe is from
everything the sender mails. "Active" only means that Constant Contact would mail the contact: a consent also needs the
permission status Express; Implied is a relationship at best, which this file does not prove.
"""

from collections.abc import Sequence

from consent.imports.row import Format
from consent.imports.statuses import Means, Statuses

_STATUSES = Statuses(
    title="Constant Contact: contacts",
    family="constant_contact",
    address=("email address",),
    status=("email status",),
    since=("confirmed opt-in date", "opt-in date", "created at"),
    left=("confirmed opt-out date", "opt-out date", "unsubscribed at", "opted out at"),
    ip=("opt-in ip", "confirmed opt-in ip", "ip address"),
    source=("source name", "email update source"),
    means={
        "active": Means.CONSENTED,
        "subscribed": Means.CONSENTED,
        "awaiting confirmation": Means.ASKED,
        "pending confirmation": Means.ASKED,
        "unsubscribed": Means.LEFT,
        "opted out": Means.LEFT,
        "opt-out": Means.LEFT,
        "bounced": Means.BOUNCED,
        "non-mailable": Means.BOUNCED,
        "no permissions set": Means.NOTHING,
        "no permission set": Means.NOTHING,
        "temporary hold": Means.NOTHING,
        "removed": Means.NOTHING,
        "": Means.NOTHING,
    },
    everything=True,
    zoned=True,
    permission=("email permission status",),
    permitted=frozenset({"express", "explicit", "express permission"}),
)


def _matches(header: Sequence[str], _filename: str) -> bool:
    return frozenset(header) >= {"email address", "email status"}


FORMATS: tuple[Format, ...] = (Format("constant-contact", _STATUSES.title, _matches, _STATUSES.reader),)
