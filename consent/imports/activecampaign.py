"""ActiveCampaign: the export of contacts, or of one list's.

The user picks the columns; what marks the file is the address, a status, and a date named with spaces (or the API's
`cdate`, `sdate`; its `udate` is that of any update). Statuses are words, or the API's numbers: 0 unconfirmed, 1 active,
2 unsubscribed, 3 bounced. They are those of one list, so an unsubscribe is from the import's list. Times name no zone,
so it is asked for; a day such as 03/04/2024 is refused as it stands.
"""

from collections.abc import Sequence

from consent.imports.row import Format
from consent.imports.statuses import Means, Statuses

_STATUSES = Statuses(
    title="ActiveCampaign: contacts",
    family="activecampaign",
    address=("email", "email address"),
    status=("status", "list status", "contact status"),
    since=("date subscribed", "subscribed date", "subscription date", "sdate", "date created", "created date", "cdate"),
    left=("unsubscribed date", "date unsubscribed", "unsubscribe date"),
    ip=("ip address", "ip", "ip4", "subscription ip"),
    source=("source", "form", "subscribed via"),
    means={
        "active": Means.CONSENTED,
        "subscribed": Means.CONSENTED,
        "1": Means.CONSENTED,
        "unconfirmed": Means.ASKED,
        "0": Means.ASKED,
        "unsubscribed": Means.LEFT,
        "2": Means.LEFT,
        "bounced": Means.BOUNCED,
        "3": Means.BOUNCED,
        "inactive": Means.NOTHING,
        "any": Means.NOTHING,
        "": Means.NOTHING,
    },
    everything=False,
    zoned=False,
)


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    dated = names & {*_STATUSES.since, *_STATUSES.left}
    return bool(names & {*_STATUSES.address} and names & {*_STATUSES.status} and dated)


FORMATS: tuple[Format, ...] = (Format("activecampaign", _STATUSES.title, _matches, _STATUSES.reader),)
