"""Health and metrics: for balancers and Prometheus."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from gateway.http.details import MEDIA_TYPE, details
from gateway.http.problems import LATER, ProblemDetails, answers

if TYPE_CHECKING:
    from gateway.app import Gateway


class Health(BaseModel):
    """The process works."""

    status: Literal["ok"] = "ok"


class NotReady(ProblemDetails):
    """Why mail does not flow."""

    trouble: list[str] = Field(description="One line per reason.")


def routes(app: FastAPI, gateway: "Gateway") -> None:
    """Add /healthz, /readyz and /metrics."""

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
        """For Prometheus; where several workers serve SMTP, their sum."""
        return Response(await gateway.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
