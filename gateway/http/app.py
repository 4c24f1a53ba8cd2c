"""The HTTP API of the gateway: one file per noun. OpenAPI at /docs."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import Scope

from gateway.http import (
    audit,
    checks,
    clusters,
    confirmations,
    consent,
    credentials,
    customers,
    dkim,
    domains,
    exemptions,
    exports,
    health,
    imports,
    links,
    lists,
    notices,
    parties,
    problems,
    relationships,
    suppressions,
    usage,
    webhooks,
)
from gateway.http.context import Context
from gateway.http.limits import BodyLimit
from gateway.http.pool import Pool
from gateway.http.problems import answers
from gateway.http.rates import Rates

if TYPE_CHECKING:
    from gateway.app import Gateway

_MOST_BYTES = 64 * 1024
_BODY_SECONDS = 10.0
_LARGE = re.compile(r"/api/v1/customers/[^/]+/(?:consent/imports|check|notices|unsubscribe-links)\Z")
"""Paths whose routes bound the body themselves."""
_SECTIONS = (
    ("imports", "Files of consents, withdrawals, relationships and suppressions, as platforms export them."),
    ("consent", "What is on record of one address, and what people say here and now."),
    ("confirmations", "Double opt-in: people are asked by mail, and what they answer is recorded as witnessed (E4)."),
    ("check", "May these addresses be written to?"),
    ("relationships", "Dealings with people that may be a ground for mail where there is no consent."),
    ("suppressions", "Addresses and domains that are not to be written to."),
    ("lists", "What a consent is for: one list's is none for another."),
    ("notices", "The wordings that people were shown. They are never changed."),
    ("unsubscribe links", "For mail programs that write them into their messages."),
    ("parties", "In whose name a customer's mail is sent."),
    ("dkim", "The keys that sign a customer's mail, and the records to publish for them."),
    ("customers", "The operator's switch."),
    ("limits", "What is used and left of sending limits."),
    ("clusters", "Near-identical mail: how many it reached, and what the operator says of it."),
    ("credentials", "Who may send for a customer: made, locked, given another password."),
    ("exemptions", "Rules that only observe one customer for a while."),
    ("domains", "Which domains a customer may use, and how that was shown."),
    ("webhooks", "What customers are told of their mail, and what could not be told."),
    ("audit", "What was decided and done."),
    ("health", "For balancers and Prometheus."),
)


def make_app(gateway: "Gateway", pool: Pool, monotonic: Callable[[], float]) -> FastAPI:
    """The application of one gateway; `pool` are its threads, `monotonic` is the clock of rates, in seconds."""
    app = FastAPI(
        title="Postern",
        version=gateway.version,
        description="Outbound mail compliance gateway. Errors are RFC 9457 problem details; any path may answer 503 "
        "when too many ask at once.",
        responses=answers(
            HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        openapi_tags=[{"name": name, "description": text} for name, text in _SECTIONS],
        redirect_slashes=False,
        redoc_url=None,
    )  # fmt: skip
    app.add_middleware(BodyLimit, octets=_MOST_BYTES, seconds=_BODY_SECONDS, later=_bounds_itself)
    problems.install(app, health.NotReady)
    rates = Rates(gateway.settings.http.requests_per_second, monotonic)
    context = Context(gateway, pool, rates)
    health.routes(app, gateway)
    customers.routes(app, gateway)
    for switch in (credentials, exemptions, domains, clusters):
        switch.routes(app, context)
    # Before the paths that take an address, which may hold a slash.
    nouns = (
        imports, exports, checks, links, consent, confirmations, relationships, suppressions, lists, notices, parties,
        dkim, usage, audit, webhooks,
    )  # fmt: skip
    for noun in nouns:
        noun.routes(app, context)
    return app


def _bounds_itself(scope: Scope) -> bool:
    return scope["method"] == "POST" and _LARGE.match(scope["path"]) is not None
