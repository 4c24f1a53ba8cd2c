"""Kit (once ConvertKit): the export of subscribers.

Columns are the API's names: the address (`email` or `email_address`), `first_name`, a `state` or `status`, and
`created_at` in ISO 8601. A subscriber stands in an account once, so "cancelled" is from everything. The export holds no
address from which the person signed up, unless a custom field does.
"""

from collections.abc import Sequence

from consent.imports.row import Format
from consent.imports.statuses import Means, Statuses

_STATUSES = Statuses(
    title="Kit: subscribers",
    family="kit",
    address=("email_address", "email"),
    status=("state", "status"),
    since=("confirmed_at", "subscribed_at", "created_at"),
    left=("cancelled_at", "canceled_at", "unsubscribed_at"),
    ip=("ip_address", "ip"),
    source=("source_name", "source", "referrer", "utm_source"),
    means={
        "active": Means.CONSENTED,
        "confirmed": Means.CONSENTED,
        "cold": Means.CONSENTED,
        "inactive": Means.ASKED,
        "unconfirmed": Means.ASKED,
        "cancelled": Means.LEFT,
        "canceled": Means.LEFT,
        "unsubscribed": Means.LEFT,
        "complained": Means.COMPLAINED,
        "bounced": Means.BOUNCED,
        "blocked": Means.NOTHING,
        "": Means.NOTHING,
    },
    everything=True,
    zoned=True,
)


def _matches(header: Sequence[str], _filename: str) -> bool:
    names = frozenset(header)
    ours = "email_address" in names or {"email", "first_name"} <= names
    dated = "created_at" in names or "subscribed_at" in names
    return bool(ours and dated and names & {*_STATUSES.status}) and not names & {"uuid", "contact_id"}


FORMATS: tuple[Format, ...] = (Format("kit", _STATUSES.title, _matches, _STATUSES.reader),)
