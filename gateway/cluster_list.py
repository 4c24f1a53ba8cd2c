"""The list of a customer's clusters of near-identical mail: what the ledger counted, and what was said of each.

It holds nothing of what the mail says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from consent.cluster_labels import ClusterLabel
from gateway.ledger.clusters import Cluster


@dataclass(frozen=True, slots=True)
class ListedCluster:
    """One cluster. What the ledger has forgotten of one that is labelled is None."""

    id: str
    since: datetime | None
    """When its first message came."""
    last: datetime | None
    """When its last message came."""
    messages: int | None
    day: int | None
    """Different recipients that were reached in a day, 30 and 365 days."""
    month: int | None
    year: int | None
    label: str | None
    """`transactional`, `confirmation`, `bulk`: the operator's word; else `observed`, or None."""
    labelled: datetime | None
    """Since when that holds."""
    by: str | None
    reason: str | None
    observed: datetime | None
    """When it first was above the observed-bulk numbers."""


def listed(found: Sequence[Cluster], labels: Sequence[ClusterLabel]) -> list[ListedCluster]:
    """Those that the ledger knows, the one with most messages first; then those of which only a label is known."""
    said = {each.cluster: each for each in labels}
    known = {each.id for each in found}
    rows = [_row(each.id, each, said.get(each.id)) for each in found]
    return rows + [_row(each.cluster, None, each) for each in labels if each.cluster not in known]


def _row(id: str, found: Cluster | None, said: ClusterLabel | None) -> ListedCluster:
    day, month, year = found.reach if found else (None, None, None)
    label: tuple[str | None, datetime | None, str | None, str | None] = (None, None, None, None)
    if said is not None and said.label is not None:
        label = (said.label, said.since, said.by, said.reason)
    elif said is not None and said.observed is not None:
        label = ("observed", said.observed, None, None)
    return ListedCluster(
        id,
        datetime.fromtimestamp(found.since, UTC) if found else None,
        datetime.fromtimestamp(found.last, UTC) if found else None,
        found.messages if found else None,
        day,
        month,
        year,
        *label,
        said.observed if said else None,
    )
