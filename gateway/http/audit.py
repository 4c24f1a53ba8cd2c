"""Audit: search."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from consent.address import Address, AddressError
from consent.tokens import Role, Token
from gateway.audit.search import Query as AuditQuery
from gateway.http.auth import caller
from gateway.http.context import READERS, Context
from gateway.http.fields import Time
from gateway.http.problems import Problem

_MOST_RECORDS = 1000
_SEARCHES = 2
"""Searches of the audit at once; more wait. Each holds one of the process's few threads, and the one that brings
suspensions into this process must never wait for them."""


class AuditPage(BaseModel):
    """Records of the audit, newest first."""

    records: list[dict[str, Any]]
    more: bool = Field(description="Whether there are more than `limit`; narrow the search.")


def routes(app: FastAPI, context: Context) -> None:
    """Add the search."""
    gateway = context.gateway
    router = context.router("audit", READERS, prefix="/api/v1")
    searches = asyncio.Semaphore(_SEARCHES)

    @router.get("/audit")
    async def audit(
        token: Annotated[Token, Depends(caller)],
        since: Annotated[Time | None, Query(description="Time with zone, inclusive.")] = None,
        until: Annotated[Time | None, Query(description="Time with zone, exclusive.")] = None,
        customer: str | None = None,
        credential: str | None = None,
        sender: Annotated[str | None, Query(description="Reverse-path or From address.")] = None,
        recipient: str | None = None,
        message_id: Annotated[str | None, Query(description="As in the message, with angle brackets.")] = None,
        reference: str | None = None,
        verdict: Literal["accept", "defer", "reject"] | None = None,
        rule: Annotated[str | None, Query(description="A rule's code.")] = None,
        kind: Annotated[
            Literal["decision", "outcome", "action", "refused", "withdrawal", "anchor"] | None,
            Query(description="All kinds when it is not given. A customer's token finds decisions only."),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_RECORDS)] = 100,
    ) -> AuditPage:
        """Search the audit; all that is given must hold. A customer's token finds its own decisions only."""
        own = token.role == Role.CUSTOMER
        query = AuditQuery(
            since=since,
            until=until,
            customer=token.customer if own else customer,
            credential=credential,
            sender=_address("sender", sender),
            recipient=_address("recipient", recipient),
            message_id=message_id,
            reference=reference,
            verdict=verdict,
            rule=rule,
            kind="decision" if own else kind,
            limit=limit + 1,
        )
        if own and (customer not in (None, token.customer) or kind not in (None, "decision")):
            # Not searched at all, so that neither answer nor time tells whether there is another of that name.
            return AuditPage(records=[], more=False)
        async with searches:
            found = await asyncio.to_thread(lambda: list(gateway.evidence.search(query)))
        return AuditPage(records=found[:limit], more=len(found) > limit)

    app.include_router(router)


def _address(name: str, text: str | None) -> Address | None:
    if text is None:
        return None
    try:
        return Address.parse(text)
    except AddressError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {error}") from None
