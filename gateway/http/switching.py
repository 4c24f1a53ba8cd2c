"""Switching: how the nouns of the operator's switch act: change, record, and put it in force on this node at once."""

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, ParamSpec, TypeVar

from fastapi import APIRouter
from pydantic import Field

from config.files import ConfigError
from consent.credentials import NoCredential
from consent.customers import Conflict, CustomerError, UnknownCustomer
from consent.database import RegistryError
from consent.domains import StandsInFile
from consent.tokens import Role
from filters.engine import UnknownRule
from gateway.audit.record import Act
from gateway.consents import By, Unrecorded
from gateway.http.auth import guarded
from gateway.http.context import Context
from gateway.http.fields import Words
from gateway.http.problems import Problem, answers

P = ParamSpec("P")
R = TypeVar("R")

Why = Annotated[Words, Field(min_length=1, examples=["stolen, ticket 4711"])]
"""Why the operator acts; kept in the audit."""
HELD = answers(HTTPStatus.CONFLICT)
"""What a route answers besides where something is held, or stands in a file."""
_STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (UnknownCustomer, HTTPStatus.NOT_FOUND),
    (NoCredential, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (StandsInFile, HTTPStatus.CONFLICT),
    (CustomerError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnknownRule, HTTPStatus.UNPROCESSABLE_ENTITY),
)


def urgent(context: Context, noun: str, prefix: str) -> APIRouter:
    """A router for admins whose rate is not bounded: a switch that stops a spammer works at once, always."""
    statuses = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
    tokens = context.gateway.stores.tokens
    return guarded(tokens, Role.ADMIN, prefix=prefix, tags=[noun], responses=answers(*statuses))


async def switched(context: Context, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What `work` gives, in one thread without a break; then this node follows. Raises Problem for what it refuses."""
    try:
        return await asyncio.to_thread(_plainly, lambda: work(*args, **kwargs))
    finally:
        # Not needed for the answer: a registry that fails between the two leaves it to the next look, within seconds.
        with contextlib.suppress(RegistryError):
            await context.gateway.refresh()


def _plainly(work: Callable[[], R]) -> R:
    try:
        return work()
    except tuple(kind for kind, _ in _STATUSES) as error:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        raise Problem(status, str(error)) from None


def record(context: Context, act: Act) -> str:
    """Make an act durable that is done; why not, when it could not be: then it is written as soon as it can be."""
    by = By(act.actor, operator=True)
    try:
        context.consents.recording.acted(by, act.act, act.customer or "", act.target, act.reason or "", act.details)
    except Unrecorded as error:
        return str(error)
    return ""


def recorded(context: Context, *acts: Act) -> None:
    """The same for several; raises Unrecorded when one could not be."""
    missing = [why for why in [record(context, act) for act in acts] if why]
    if missing:
        raise Unrecorded(missing[0])
