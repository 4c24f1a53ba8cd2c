"""The HTTP API of the gateway: health, metrics, suspension, audit. OpenAPI at /docs."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from config.customers import Standing
from consent.address import Address, AddressError
from consent.customers import CustomerError, UnknownCustomer
from consent.database import RegistryError
from consent.tokens import Role, Token
from gateway.audit.errors import JournalClosed, JournalError
from gateway.audit.record import Act
from gateway.audit.search import Query as AuditQuery
from gateway.http import problems
from gateway.http.auth import caller, guarded
from gateway.http.details import MEDIA_TYPE, details
from gateway.http.limits import BodyLimit
from gateway.http.problems import LATER, Problem, ProblemDetails, answers

if TYPE_CHECKING:
    from gateway.app import Gateway

log = logging.getLogger("postern.http")

_MOST_BYTES = 64 * 1024
_BODY_SECONDS = 10.0
_MOST_RECORDS = 1000
_SEARCHES = 2
"""Searches of the audit at once; more wait. Each holds one of the process's few threads, and the one that brings
suspensions into this process must never wait for them."""


def _writable(time: datetime) -> datetime:
    """The same time in UTC; raises ValueError at the ends of the calendar, where there is none."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar") from None


CustomerId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["acme"])]
Time = Annotated[AwareDatetime, AfterValidator(_writable)]


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


class AuditPage(BaseModel):
    """Records of the audit, newest first."""

    records: list[dict[str, Any]]
    more: bool = Field(description="Whether there are more than `limit`; narrow the search.")


class Health(BaseModel):
    """The process works."""

    status: Literal["ok"] = "ok"


class NotReady(ProblemDetails):
    """Why mail does not flow."""

    trouble: list[str] = Field(description="One line per reason.")


def make_app(gateway: "Gateway") -> FastAPI:
    """The application of one gateway."""
    app = FastAPI(
        title="Postern",
        version=gateway.version,
        description="Outbound mail compliance gateway. Errors are RFC 9457 problem details; any path may answer 503 "
        "when too many ask at once.",
        responses=answers(
            HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        redirect_slashes=False,
        redoc_url=None,
    )  # fmt: skip
    app.add_middleware(BodyLimit, octets=_MOST_BYTES, seconds=_BODY_SECONDS)
    problems.install(app, NotReady)
    _health_routes(app, gateway)
    _customer_routes(app, gateway)
    _audit_routes(app, gateway)
    return app


def _health_routes(app: FastAPI, gateway: "Gateway") -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> Health:
        """The process runs and its loop turns."""
        return Health()

    not_ready = answers(HTTPStatus.SERVICE_UNAVAILABLE, schema=NotReady, description="Mail does not flow")

    @app.get("/readyz", tags=["health"], response_model=Health, responses=not_ready)
    async def readyz() -> Health | Response:
        """Mail flows: registry and next hops are well."""
        trouble = gateway.trouble()
        if not trouble:
            return Health()
        status = HTTPStatus.SERVICE_UNAVAILABLE
        detail = f"mail does not flow: {trouble[0]}"
        return JSONResponse(details(status, detail, trouble=trouble), int(status), LATER, MEDIA_TYPE)

    @app.get("/metrics", tags=["health"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """For Prometheus."""
        gateway.trouble()
        return Response(gateway.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _customer_routes(app: FastAPI, gateway: "Gateway") -> None:
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
            await gateway.changes.refresh()


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


def _audit_routes(app: FastAPI, gateway: "Gateway") -> None:
    known = answers(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
    router = guarded(
        gateway.stores.tokens,
        Role.ADMIN,
        Role.AUDITOR,
        Role.CUSTOMER,
        prefix="/api/v1",
        tags=["audit"],
        responses=known,
    )
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
            Literal["decision", "outcome", "action", "refused"] | None,
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
