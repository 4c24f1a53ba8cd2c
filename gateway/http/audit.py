"""Audit: search, and findings counted by rule and customer."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Query
from pydantic import BaseModel, Field

from config.policy import Action
from consent.address import Address, AddressError
from consent.mailing import Class
from consent.tokens import Role, Token
from filters.engine import UnknownRule, check_codes
from gateway.audit.findings import TooManyRows
from gateway.audit.public import in_public
from gateway.audit.search import Query as AuditQuery
from gateway.explanation import Explainer
from gateway.http.auth import caller
from gateway.http.context import READERS, Context, inward
from gateway.http.fields import Time
from gateway.http.problems import Problem, answers

_MOST_RECORDS = 1000
ClassName = Literal["system", "personal", "transactional", "mandatory", "bulk", "confirmation"]
"""Of `consent.mailing.Class`."""
_SEARCHES = 2
"""Searches of the audit at once; more wait. Each holds one of the process's few threads, and the one that brings
suspensions into this process must never wait for them."""


class AuditPage(BaseModel):
    """Records of the audit, newest first."""

    records: list[dict[str, Any]]
    more: bool = Field(description="Whether there are more than `limit`; narrow the search.")


class Explanation(BaseModel):
    """All decisions of one reference, replayed."""

    reference: str
    customer: str | None
    replay: Literal["same", "differs", "unknown"] = Field(
        description="`unknown`: an address can be read no more, and a stop of its domain may have been what refused it."
    )
    policy_now: str = Field(description="Hash of the policy in force; each decision has its own.")
    version_now: str = Field(description="Of the program that replayed; each decision has its own.")
    decisions: list[dict[str, Any]] = Field(
        description="The oldest first; a recipient that was refused has one of its own. `differences` says in what the "
        "replay differs; `recipients` on what ground each was written to, or why not."
    )


class CustomerTotal(BaseModel):
    """One customer's messages: those decided at MAIL or at the final dot, each attempt by itself."""

    customer: str
    messages: int
    refused: int = Field(description="Refused or deferred.")
    if_enforced: int = Field(
        description="Passed in mode `observe`, and would have been refused or deferred in mode `enforce`."
    )


class RuleFindings(BaseModel):
    """What one rule found in one customer's mail."""

    customer: str
    rule: str = Field(description="Its code.", examples=["TRACE-UPSTREAM"])
    found: int = Field(description="Messages with the finding: the next three together.")
    refused: int = Field(description="Of these, refused or deferred, for this finding or another.")
    if_enforced: int = Field(
        description="Passed in mode `observe`, and would have been refused or deferred in mode `enforce`."
    )
    if_rejecting: int = Field(
        description="Passed with the rule's action on `observe`, and would have been refused had it been `reject`."
    )
    failed: int = Field(description="Messages at which the rule itself failed; in none of the other numbers.")
    messages: int = Field(description="All of the customer's messages.")
    share: float = Field(description="`if_enforced` and `if_rejecting` by `messages`, from 0 to 1.", examples=[0.0125])
    examples: list[str] = Field(description="References of the newest messages; those that passed go before.")


class FindingsPage(BaseModel):
    """Findings counted by customer and rule."""

    customers: list[CustomerTotal]
    findings: list[RuleFindings]
    more: bool = Field(description="Whether there are more than `limit`; ask for one customer, or one rule.")


def routes(app: FastAPI, context: Context) -> None:
    """Add search and findings."""
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
        rule: Annotated[
            str | None, Query(description="A rule's code, or why a recipient was refused.", examples=["NO-CONSENT"])
        ] = None,
        message_class: Annotated[
            ClassName | None,
            Query(alias="class", description="Of the message, or of what recipients were decided on."),
        ] = None,
        list: Annotated[str | None, Query(description="Id of a list that recipients were decided about for.")] = None,
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
            message_class=None if message_class is None else Class[message_class.upper()],
            list=list,
            kind="decision" if own else kind,
            limit=limit + 1,
        )
        if own and (customer not in (None, token.customer) or kind not in (None, "decision")):
            # Not searched at all, so that neither answer nor time tells whether there is another of that name.
            return AuditPage(records=[], more=False)
        async with searches:
            found = await asyncio.to_thread(lambda: [*gateway.evidence.search(query)])
        more, found = len(found) > limit, found[:limit]
        return AuditPage(records=[in_public(each) for each in found] if own else found, more=more)

    @router.get("/audit/decisions/{reference}/explanation", responses=answers(HTTPStatus.NOT_FOUND))
    async def explanation(
        token: Annotated[Token, Depends(caller)],
        reference: Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,64}$", examples=["01M7XZJZQ29GK5DAM4NZYN0S7V"])],
    ) -> Explanation:
        """What was decided about a message and why, and whether it would be decided so again from what is on record.

        A customer's token asks about its own messages only.
        """
        explainer = Explainer(
            gateway.evidence, gateway.stores, gateway.consents.profiles, gateway.policy.digest, gateway.version
        )
        async with searches:
            found = await asyncio.to_thread(
                explainer.explain, reference, token.customer if not inward(token) else None, inward=inward(token)
            )
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"no decision with reference '{reference}'")
        return Explanation(**found)

    @router.get("/audit/findings")
    async def findings(
        token: Annotated[Token, Depends(caller)],
        since: Annotated[Time | None, Query(description="Time with zone, inclusive.")] = None,
        until: Annotated[Time | None, Query(description="Time with zone, exclusive.")] = None,
        customer: str | None = None,
        rule: Annotated[str | None, Query(description="A rule's code.")] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_RECORDS, description="Customers, and findings, at most.")] = 100,
    ) -> FindingsPage:
        """Count what rules found and what would have been refused. A customer's token counts its own mail only."""
        own = token.role == Role.CUSTOMER
        if own and customer not in (None, token.customer):
            return FindingsPage(customers=[], findings=[], more=False)
        whose = token.customer if own else customer
        try:
            check_codes({rule: Action.OBSERVE} if rule else {})
            async with searches:
                found = await asyncio.to_thread(gateway.evidence.findings, since, until, whose, rule)
        except (UnknownRule, TooManyRows) as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error).removeprefix("actions.")) from None
        return FindingsPage(
            customers=[CustomerTotal(**each.members()) for each in found.totals[:limit]],
            findings=[RuleFindings(**each.members()) for each in found.rows[:limit]],
            more=max(len(found.totals), len(found.rows)) > limit,
        )

    app.include_router(router)


def _address(name: str, text: str | None) -> Address | None:
    if text is None:
        return None
    try:
        return Address.parse(text)
    except AddressError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {error}") from None
