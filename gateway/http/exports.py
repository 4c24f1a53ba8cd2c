"""Exports: all that is on record of a customer's recipients, in pieces; and the proof for one address, to print."""

from collections.abc import AsyncIterator, Generator
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from consent.address import Address
from consent.export import Shape
from consent.proof import CONTENT_SECURITY_POLICY, Proof, page
from consent.tokens import Token
from gateway.consents import By
from gateway.http.auth import caller
from gateway.http.consent import MOST_LISTS, AddressInPath, shape
from gateway.http.context import READERS, Asked, Context, by, inward, parsed
from gateway.http.fields import Identifier
from gateway.http.server import EXTEND
from gateway.http.slots import Slots

_AT_ONCE = 3
"""Exports at once; the next is answered 503."""
_OF_ONE = 2
"""One customer's among them: a reader that takes its time holds up nobody else."""
_PIECE = 256 * 1024
"""Characters that are gathered before they are sent."""
_READ_SECONDS = 60.0
"""How long the reader may take for a piece."""
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON: records in the sections of ISO/IEC TS 27560:2023. CSV: a line for each event, safe to "
        "open in a spreadsheet.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "One page, to print or to hand out.", "content": {"text/html": {}}}
}


def routes(app: FastAPI, context: Context) -> None:
    """Add export and proof."""
    router, slots = context.router("consent", READERS), Slots(_AT_ONCE, _OF_ONE, "exports run already")

    @router.get("/consent/export", response_class=Response, responses=_EXPORTED)
    async def export(
        request: Request,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
        format: Annotated[Literal["json", "csv"], Query()] = "json",
        list: Annotated[
            Identifier | None,
            Query(description="Only this list's, and what covers everything.", examples=["newsletter"]),
        ] = None,
    ) -> Response:
        """All that is on record of the customer's recipients. That it was exported stands in the audit."""
        slots.check(asked.customer.id)
        with slots.held(asked.customer.id):
            portions = await context.run(_begin, context, asked, format, list, inward(token), by(token))
            first = await context.run(_piece, portions)
        kind = "text/csv; charset=utf-8; header=present" if format == "csv" else "application/json"
        name = f"{asked.customer.id}-consents.{format}"
        return StreamingResponse(
            _pieces(request, context, slots.held(asked.customer.id), portions, first),
            media_type=kind,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
        )

    @router.get("/consent/{address:path}/proof", response_class=HTMLResponse, responses=_PAGE)
    async def proof(
        address: AddressInPath,
        asked: Annotated[Asked, Depends(context.asked)],
        token: Annotated[Token, Depends(caller)],
    ) -> HTMLResponse:
        """One page that shows all that is on record of one address. That it was made stands in the audit."""
        html = await context.run(_page, context, asked, parsed(address), inward(token), by(token))
        return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    app.include_router(router)


def _begin(
    context: Context, asked: Asked, format: str, only: str | None, inside: bool, actor: By
) -> Generator[str, None, None]:
    consents, customer = context.consents, asked.customer
    shaped = shape(context, asked, inside)
    if only is not None:
        consents.lists.get(customer, only)
    consents.recording.acted(actor, "consent export", customer.id, only, details={"format": format})
    return _portions(context, shaped, format, only)


def _portions(context: Context, shaped: Shape, format: str, only: str | None) -> Generator[str, None, None]:
    each = context.consents.store.each(shaped.customer.id, only)
    yield from shaped.csv(each, only) if format == "csv" else shaped.json(each, context.gateway.clock(), only)


def _piece(portions: Generator[str, None, None]) -> bytes:
    """The next piece; empty at the end."""
    gathered, size = [], 0
    for portion in portions:
        gathered.append(portion)
        size += len(portion)
        if size >= _PIECE:
            break
    return "".join(gathered).encode("utf-8", "replace")


async def _pieces(
    request: Request,
    context: Context,
    slot: AbstractContextManager[None],
    portions: Generator[str, None, None],
    first: bytes,
) -> AsyncIterator[bytes]:
    """All pieces. The reader gets as long as it takes, as long as it reads."""
    with slot:
        piece = first
        try:
            while piece:
                request.scope[EXTEND](_READ_SECONDS)
                yield piece
                piece = await context.run(_piece, portions)
        finally:
            # Whoever reads may have gone: the registry is let go of in either case.
            await context.run(portions.close)


def _page(context: Context, asked: Asked, address: Address, inside: bool, actor: By) -> str:
    consents, customer, gateway = context.consents, asked.customer, context.gateway
    shaped = shape(context, asked, inside)
    history = consents.store.history(customer.id, address)
    batches = {number: consents.store.batch(number) for number in {each.batch for each in history}}
    names = [*shaped.lists][:MOST_LISTS]
    found = consents.decisions(customer, address, names, suspended=asked.suspended)
    if not inside:
        found = [(name, consents.for_customer(customer, address, decision)) for name, decision in found]
    key = gateway.stores.secrets.address_key(address)
    made = Proof(
        address=address.text,
        address_key=key,
        shape=shaped,
        history=history,
        batches={number: batch for number, batch in batches.items() if batch},
        standing=consents.store.standing(customer.id, address),
        decisions=found,
        made=gateway.clock(),
        operator=gateway.settings.hostname,
        version=gateway.version,
    )
    consents.recording.acted(actor, "consent proof", customer.id, key, details={"internal": inside})
    return page(made)
