"""What clusters of near-identical mail are, as stored: what the operator says of one, and when it was observed as bulk.

A cluster itself lives in the ledger, which may forget it; its id leads here. Rows are kept until a cluster had no mail
for KEPT, and one that says nothing any more stays as long: a row that is gone would tell other nodes nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, delete, func, select

from consent import customer_rows
from consent.customers import CustomerError, UnknownCustomer, checked_reason
from consent.database import Database
from consent.schema import cluster_labels

LabelName = Literal["transactional", "confirmation", "bulk"]
"""What the operator may say of a cluster."""
NAMES: tuple[LabelName, ...] = ("transactional", "confirmation", "bulk")
KEPT = timedelta(days=400)
"""After the last mail of a cluster: as long as the ledger knows a customer (`gateway.ledger.clusters.TTL`)."""
MOST = 10_000
"""Rows of one customer; beyond that those without a label go, that had no mail for longest."""
_ID = re.compile(r"[0-9a-f]{16}\Z")


class NoLabel(CustomerError):
    """A label was to be taken away where there is none."""


@dataclass(frozen=True, slots=True)
class ClusterLabel:
    """What is stored of one cluster."""

    customer: str
    cluster: str
    label: LabelName | None
    """The operator's; None where there is none, or no longer."""
    since: datetime | None
    """Of the label, or of its end."""
    by: str
    """Whose label it is: a token's id, or `user@host` of a command; "" where there never was one."""
    reason: str
    observed: datetime | None
    """When it first was above the observed-bulk numbers."""
    seen: datetime
    """Some day on which it had mail, not more than a month before the last."""


class ClusterLabelStore:
    """The labels of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, customer: str) -> tuple[ClusterLabel, ...]:
        """Those of one customer that say anything, by cluster."""
        mine = (cluster_labels.c.customer == customer) & (
            cluster_labels.c.label.is_not(None) | cluster_labels.c.observed.is_not(None)
        )
        with self._database.reading() as connection:
            rows = connection.execute(select(cluster_labels).where(mine).order_by(cluster_labels.c.cluster)).all()
        return tuple(map(_label, rows))

    def put(
        self, customer: str, cluster: str, label: LabelName | None, by: str, reason: str, now: datetime
    ) -> ClusterLabel | None:
        """Say what a cluster is, or with None nothing any more; what was there before, if anything.

        Raises UnknownCustomer, NoLabel, and CustomerError for what is no id of a cluster or no reason.
        """
        if not _ID.match(cluster):
            raise CustomerError(f"cluster {cluster!r}: an id is 16 hexadecimal digits, as in `postern clusters list`")
        text = checked_reason(reason)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            _check(connection, customer)
            before = _found(connection, customer, cluster)
            if label is None and (before is None or before.label is None):
                raise NoLabel(
                    f"cluster {cluster} of customer {customer!r} has no label to take away; nothing was changed"
                )
            values = {"label": label, "since": now, "labelled_by": by, "reason": text, "seen": now}
            self._write(connection, customer, cluster, values)
        return before

    def note_observed(self, customer: str, cluster: str, now: datetime) -> datetime:
        """A cluster is above the observed-bulk numbers now; since when it was, which the first to say so decides."""
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            before = _found(connection, customer, cluster)
            if before is not None and before.observed is not None:
                return before.observed
            said = {} if before is not None else {"labelled_by": "", "reason": ""}
            self._write(connection, customer, cluster, {**said, "observed": now, "seen": now})
        return now

    def renew(self, customer: str, cluster: str, now: datetime) -> None:
        """The cluster has mail now: it is kept for KEPT from now on."""
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            if _found(connection, customer, cluster) is not None:
                self._write(connection, customer, cluster, {"seen": now})

    def changed_since(self, change: int) -> tuple[int, tuple[ClusterLabel, ...]]:
        """The registry's last change number, and what was written after `change`; from 0, all.

        As `CustomerStore.changed_since`: an entry may come twice, never not at all.
        """
        with self._database.reading() as connection:
            last = self._database.last_change(connection)
            if last == change:
                return last, ()
            newer = cluster_labels.c.change > (change if last > change else 0)
            rows = connection.execute(select(cluster_labels).where(newer).order_by(cluster_labels.c.change)).all()
        return last, tuple(map(_label, rows))

    def purge(self, now: datetime) -> int:
        """Remove those of clusters that had no mail for KEPT; how many."""
        with self._database.writing() as connection:
            return connection.execute(delete(cluster_labels).where(cluster_labels.c.seen < now - KEPT)).rowcount

    def _write(self, connection: Connection, customer: str, cluster: str, values: Mapping[str, object]) -> None:
        changed = {**values, "change": self._database.next_change(connection)}
        blank = {"labelled_by": "", "reason": ""}
        values = {"customer": customer, "cluster": cluster, **blank, **changed}
        build = self._database.insert(cluster_labels).values(values)
        connection.execute(build.on_conflict_do_update(index_elements=["customer", "cluster"], set_=changed))
        mine = cluster_labels.c.customer == customer
        count = connection.execute(select(func.count()).select_from(cluster_labels).where(mine)).scalar_one()
        if count > MOST:
            unsaid = mine & cluster_labels.c.label.is_(None) & (cluster_labels.c.cluster != cluster)
            oldest = select(cluster_labels.c.cluster).where(unsaid).order_by(cluster_labels.c.seen).limit(count - MOST)
            names = connection.execute(oldest).scalars().all()
            connection.execute(delete(cluster_labels).where(mine & cluster_labels.c.cluster.in_(names)))


def _check(connection: Connection, customer: str) -> None:
    if customer not in customer_rows.existing(connection, [customer]):
        raise UnknownCustomer(customer)


def _found(connection: Connection, customer: str, cluster: str) -> ClusterLabel | None:
    mine = (cluster_labels.c.customer == customer) & (cluster_labels.c.cluster == cluster)
    row = connection.execute(select(cluster_labels).where(mine)).first()
    return None if row is None else _label(row)


def _label(row: Row[Any]) -> ClusterLabel:
    # Another version's label is none that this one knows.
    label = cast(LabelName, row.label) if row.label in NAMES else None
    return ClusterLabel(
        row.customer, row.cluster, label, row.since, row.labelled_by, row.reason, row.observed, row.seen
    )
