"""Clusters of near-identical mail: how far each reached, and what the operator says of it."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from consent.cluster_labels import LabelName, NoLabel
from consent.tokens import Role, Token
from gateway.audit.record import Act
from gateway.cluster_list import ListedCluster, listed
from gateway.http.auth import caller
from gateway.http.context import READERS, Asked, Context, by
from gateway.http.fields import CustomerId
from gateway.http.problems import LATER, Problem, answers
from gateway.http.switching import Why, recorded, switched
from gateway.usage import LedgerAway

ClusterId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["5f0c3a9d21b4e867"])]


class ClusterShown(BaseModel):
    """One cluster. What the ledger has forgotten of one that is labelled is null."""

    id: str = Field(examples=["5f0c3a9d21b4e867"])
    since: datetime | None = Field(description="When its first message came.")
    last: datetime | None = Field(description="When its last message came.")
    messages: int | None
    day: int | None = Field(description="Different recipients reached in the last day, about.")
    month: int | None = Field(description="In 30 days.")
    year: int | None = Field(description="In 365 days.")
    label: Literal["transactional", "confirmation", "bulk", "observed"] | None = Field(
        description="The operator's word; `observed` where there is none, and it was above the observed-bulk numbers."
    )
    labelled: datetime | None = Field(description="Since when that holds.")
    by: str | None = Field(description="Who labelled it; not shown to customers.")
    reason: str | None
    observed: datetime | None = Field(description="When it first was above the observed-bulk numbers.")

    @classmethod
    def of(cls, found: ListedCluster, *, inward: bool) -> "ClusterShown":
        """As it is listed; `inward` for the operator."""
        values = asdict(found)
        return cls.model_construct(**values | {"by": found.by if inward else None})


class ClustersShown(BaseModel):
    """The largest clusters of several messages, then those of which only a label is known."""

    customer: str = Field(examples=["acme"])
    clusters: list[ClusterShown]


class NewLabel(BaseModel):
    """What the operator says of a cluster."""

    model_config = ConfigDict(extra="forbid")

    label: LabelName = Field(examples=["transactional"])
    reason: Why


class LabelShown(BaseModel):
    """What is said of a cluster now, and what was before."""

    customer: str
    cluster: str
    label: LabelName | None
    before: LabelName | None


def routes(app: FastAPI, context: Context) -> None:
    """Add the clusters of a customer's mail, and their labels."""
    reading, writing = context.router("clusters", READERS), context.router("clusters", (Role.ADMIN,))

    @reading.get("/clusters", responses=answers(HTTPStatus.SERVICE_UNAVAILABLE))
    async def get_clusters(
        asked: Annotated[Asked, Depends(context.asked)], token: Annotated[Token, Depends(caller)]
    ) -> ClustersShown:
        """The clusters of near-identical mail that a customer sends: how many messages and recipients, and what they
        are. Nothing of what the mail says is kept.
        """
        gateway = context.gateway
        try:
            found = await gateway.grown(asked.customer.id)
        except LedgerAway as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), LATER) from None
        labels = await context.run(gateway.stores.cluster_labels.all, asked.customer.id)
        inward = token.role != Role.CUSTOMER
        shown = [ClusterShown.of(each, inward=inward) for each in listed(found, labels)]
        return ClustersShown.model_construct(customer=asked.customer.id, clusters=shown)

    @writing.put("/clusters/{cluster}/label")
    async def put_label(
        customer: CustomerId, cluster: ClusterId, body: NewLabel, token: Annotated[Token, Depends(caller)]
    ) -> LabelShown:
        """Say what a cluster is: `transactional` and `confirmation` are not bulk however many they reach, `bulk` is
        from the first recipient on. Nodes follow within 5 seconds.
        """
        return await switched(context, _put, context, customer, cluster, body.label, body.reason, token)

    @writing.delete("/clusters/{cluster}/label")
    async def delete_label(
        customer: CustomerId,
        cluster: ClusterId,
        reason: Annotated[Why, Query()],
        token: Annotated[Token, Depends(caller)],
    ) -> LabelShown:
        """Take a label away; that the cluster was observed as bulk stays."""
        return await switched(context, _put, context, customer, cluster, None, reason, token)

    for router in (reading, writing):
        app.include_router(router)


def _put(
    context: Context, customer: str, cluster: str, label: LabelName | None, reason: str, token: Token
) -> LabelShown:
    gateway, who = context.gateway, by(token).actor
    try:
        before = gateway.stores.cluster_labels.put(customer, cluster, label, who, reason, gateway.clock())
    except NoLabel as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from None
    was = before.label if before else None
    recorded(context, Act(who, "clusters label", customer, cluster, reason, {"label": label, "before": was}))
    return LabelShown(customer=customer, cluster=cluster, label=label, before=was)
