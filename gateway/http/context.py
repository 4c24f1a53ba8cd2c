"""Context: what the routes of every noun need: the gateway, threads of their own, rates, and who asks for whom."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from fastapi import APIRouter

from config.customers import Customer
from consent.address import Address
from consent.customers import UnknownCustomer
from consent.tokens import Role, Token
from gateway.consents import By, Consents
from gateway.http.auth import guarded, no_customer
from gateway.http.fields import CustomerId
from gateway.http.pool import Pool
from gateway.http.problems import answers
from gateway.http.rates import Rates

if TYPE_CHECKING:
    from gateway.app import Gateway

P = ParamSpec("P")
R = TypeVar("R")

WRITERS = (Role.ADMIN, Role.CUSTOMER)
READERS = (Role.ADMIN, Role.AUDITOR, Role.CUSTOMER)
GUARDED = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
"""What every route that needs a token may answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The customer a request is about."""

    customer: Customer
    suspended: bool


class Context:
    """Given to the routes of every noun."""

    def __init__(self, gateway: "Gateway", pool: Pool, rates: Rates) -> None:
        self.gateway, self.pool, self.rates = gateway, pool, rates

    @property
    def consents(self) -> Consents:
        """The registry of consents joined to the audit; its methods block: `run` them."""
        return self.gateway.consents

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` gives, in a thread of the API's own."""
        return await self.pool.run(work, *args, **kwargs)

    def router(self, noun: str, roles: tuple[Role, ...], *, prefix: str = "", **more: Any) -> APIRouter:
        """A router for routes below a customer's path (`prefix` for others), for tokens of these roles."""
        statuses = GUARDED if prefix else (*GUARDED, HTTPStatus.NOT_FOUND)
        return guarded(
            self.gateway.stores.tokens,
            *roles,
            rates=self.rates,
            prefix=prefix or "/api/v1/customers/{customer}",
            tags=[noun],
            responses=answers(*statuses),
            **more,
        )

    async def asked(self, customer: CustomerId) -> Asked:
        """The customer of the path (a dependency); raises Problem 404."""
        entry = self.gateway.directory.get(customer)
        if entry is not None:
            return Asked(entry.customer, entry.standing.status == "suspended")
        # Perhaps applied a moment ago by a command: this process follows within seconds.
        try:
            stored = await self.run(self.gateway.stores.customers.get, customer)
        except UnknownCustomer:
            raise no_customer(customer) from None
        return Asked(stored.customer, stored.standing.status == "suspended")


def by(token: Token) -> By:
    """Who acts with this token."""
    return By(f"token:{token.id}", token.role == Role.ADMIN)


def inward(token: Token) -> bool:
    """Whether the token's holder may see what is the operator's own: by whose hand, and who complained."""
    return token.role != Role.CUSTOMER


def parsed(address: str) -> Address:
    """The address in a text that `fields.AddressText` took."""
    return Address.parse(address)
