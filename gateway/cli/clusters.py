"""`postern clusters`: list, label."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO, cast

import click

from config.settings import Settings
from consent.cluster_labels import NAMES, LabelName, NoLabel
from consent.customers import CustomerError
from gateway.cli.context import (
    actor,
    config_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_done,
    show,
    utc_now,
)
from gateway.cli.running import of_gateway, token_file_option
from gateway.cluster_list import listed
from gateway.ledger.clusters import Cluster
from gateway.usage import LedgerAway, grown

_COLUMNS = ("id", "since", "last", "messages", "day", "month", "year", "label", "labelled", "reason")
_TIMES = ("since", "last", "labelled", "observed")


@click.group("clusters")
def command() -> None:
    """List clusters of near-identical mail, and say what they are.

    \b
    See them:     postern clusters list acme --token-file auditor.token
    Label one:    postern clusters label acme 5f0c3a9d21b4e867 transactional --reason "receipts, ticket 4711"
    Take it away: postern clusters label acme 5f0c3a9d21b4e867 none --reason "no receipts"

    Running nodes follow within 5 seconds.
    """


@command.command("list")
@click.argument("customer", metavar="CUSTOMER")
@token_file_option
@config_option
@json_option
def list_(customer: str, token_file: TextIO | None, settings: Settings, as_json: bool) -> None:
    """List the largest clusters of a customer's mail: messages, recipients by window, label. Nothing of what it says.

    `day`, `month` (30 days) and `year` count different recipients that were reached, within a few per cent.
    `observed` stands where nobody has said anything, and the cluster was above the observed-bulk numbers. With the
    ledger in Redis it is asked itself. With memory:// the clusters are in the gateway that runs, which is asked over
    HTTP.

    \b
    Example: postern token create --role auditor | tail -n 1 > auditor.token
             postern clusters list acme --token-file auditor.token
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    if settings.ledger.url.get_secret_value() == "memory://":
        rows: list[dict[str, Any]] = of_gateway(settings, customer, "clusters", token_file)
    else:
        try:
            found = asyncio.run(_of_redis(settings, customer))
        except LedgerAway as error:
            fail(str(error), 2)
        rows = [_told(asdict(each)) for each in listed(found, stores.cluster_labels.all(customer))]
    if as_json:
        click.echo(json.dumps({"customer": customer, "clusters": rows}, indent=2))
        return
    if not rows:
        click.echo(f"no clusters of several messages are known of customer {customer!r}", err=True)
        return
    show([row | {name: _short(row[name]) for name in _TIMES} for row in rows], False, _COLUMNS)


@command.command("label")
@click.argument("customer", metavar="CUSTOMER")
@click.argument("cluster", metavar="ID")
@click.argument("label", type=click.Choice([*NAMES, "none"]))
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept in the audit, and shown to the customer.")
@config_option
def label_(customer: str, cluster: str, label: str, reason: str, settings: Settings) -> None:
    """Say what the cluster ID of a customer is: transactional, confirmation or bulk; or `none`, to say nothing more.

    Mail of a transactional or confirmation cluster is not taken for bulk however many it reaches; that of a bulk one
    is from the first recipient on. The label stays until 400 days after the cluster's last mail. Exit status 1 when
    there is no label to take away.

    Example: postern clusters label acme 5f0c3a9d21b4e867 transactional --reason "receipts, ticket 4711"
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    said = None if label == "none" else cast(LabelName, label)
    try:
        before = stores.cluster_labels.put(customer, cluster, said, actor(), reason, utc_now())
    except NoLabel as error:
        fail(str(error), 1)
    except CustomerError as error:
        fail(str(error), 2)
    details = {"label": said, "before": before.label if before else None}
    record_done(
        settings, stores, act="clusters label", customer=customer, target=cluster,
        reason=" ".join(reason.split()), details=details,
    )  # fmt: skip
    told = f"is {said}" if said else "has no label"
    click.echo(f"cluster {cluster} of customer {customer!r} {told}; running nodes follow within 5 seconds")


async def _of_redis(settings: Settings, customer: str) -> Sequence[Cluster]:
    # Imported here because its library costs a tenth of a second.
    from gateway.ledger.clusters_redis import RedisClusters
    from gateway.ledger.redis import RedisLedger

    def clock() -> float:
        return utc_now().timestamp()

    url, processes = settings.ledger.url.get_secret_value(), settings.ledger.nodes
    ledger = RedisLedger(url, processes=processes, clock=clock, alarm=lambda part, text: None)
    try:
        return await grown(ledger, RedisClusters(ledger, processes=processes, clock=clock), customer)
    finally:
        await ledger.close()


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it."""
    return row | {name: row[name].isoformat() if row[name] else None for name in _TIMES}


def _short(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else ""
