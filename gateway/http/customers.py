"""Customers: suspend and resume."""

import asyncio
import contextlib
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field, StringConstraints

from config.customers import Standing
from consent.customers import CustomerError, UnknownCustomer
from consent.database import RegistryError
from consent.tokens import Role, Token
from gateway.audit.errors import JournalClosed, JournalError
from gateway.audit.record import Act
from gateway.http.auth import caller, guarded
from gateway.http.fields import CustomerId
from gateway.http.problems import LATER, Problem, answers

if TYPE_CHECKING:
    from gateway.app import Gateway


class Reason(BaseModel):
    """Why the operator acts."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] = Field(
        examples=["complaints about the November campaign"]
    )


class CustomerStanding(BaseModel):
    """What the operator has decided about a customer."""

    customer: str
    status: Literal["active", "suspended"]
    reason: str
    since: datetime | None
    changed: bool = Field(description="False when it was so already; then nothing was changed or recorded.")


def routes(app: FastAPI, gateway: "Gateway") -> None:
    """Add the operator's switch.

    Its rate is not bounded as that of other routes is: a switch that stops a spammer works at once, always.
    """
    known = answers(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY
    )
    router = guarded(gateway.stores.tokens, Role.ADMIN, prefix="/api/v1/customers", tags=["customers"], responses=known)

    @router.post("/{customer}/suspend")
    async def suspend(customer: CustomerId, body: Reason, token: Annotated[Token, Depends(caller)]) -> CustomerStanding:
        """Stop all mail of a customer: on this node at once, on all nodes and open sessions within 5 seconds."""
        return await _stand_now(gateway, "suspend", customer, body.reason, token)

    @router.post("/{customer}/resume")
    async def resume(customer: CustomerId, body: Reason, token: Annotated[Token, Depends(caller)]) -> CustomerStanding:
        """Let a suspended customer send again."""
        return await _stand_now(gateway, "resume", customer, body.reason, token)

    app.include_router(router)


async def _stand_now(
    gateway: "Gateway", act: Literal["suspend", "resume"], customer: str, reason: str, token: Token
) -> CustomerStanding:
    """Change, record, and put it in force on this node at once."""
    try:
        return await asyncio.to_thread(_stand, gateway, act, customer, reason, token)
    finally:
        # Not needed for the answer: a registry that fails between the two leaves it to the next look, within seconds.
        with contextlib.suppress(RegistryError):
            await gateway.refresh()


def _stand(
    gateway: "Gateway", act: Literal["suspend", "resume"], customer: str, reason: str, token: Token
) -> CustomerStanding:
    """Change what the operator has decided about a customer, and record it.

    The change comes first: a switch that stops a spammer must work on a full disk, too. Then the record is owed: what
    cannot be written now stands in line until it can, and the caller is told with 503 what holds. It all happens in
    one thread without a break, so that neither a caller who hangs up nor the end of the process comes between the two.
    """
    store = gateway.stores.customers
    change = store.suspend if act == "suspend" else store.resume
    try:
        changed = change(customer, reason, gateway.clock())
    except UnknownCustomer:
        raise Problem(HTTPStatus.NOT_FOUND, f"no customer '{customer}'") from None
    except CustomerError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"reason: {error}") from None
    unrecorded = _record(gateway, Act(f"token:{token.id}", act, customer, None, reason)) if changed else ""
    standing = Standing(status="suspended" if act == "suspend" else "active", reason=reason, since=None)
    with contextlib.suppress(RegistryError):
        standing = store.get(customer).standing
    if unrecorded:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"done: customer '{customer}' is {standing.status}; but the audit could not record it: {unrecorded}",
            LATER,
        )
    return CustomerStanding(
        customer=customer, status=standing.status, reason=standing.reason, since=standing.since, changed=changed
    )


def _record(gateway: "Gateway", act: Act) -> str:
    """Make an act durable; why not, when it could not be. Then it is written as soon as there is room."""
    try:
        gateway.journal.append_blocking(act)
    except JournalError as error:
        gateway.metrics.alarm("audit", f"{act.act} of customer {act.customer} by {act.actor} is not recorded: {error}")
        with contextlib.suppress(JournalClosed):
            gateway.journal.note(act)
            return f"{error}; it will be written as soon as it can be"
        return str(error)
    return ""
