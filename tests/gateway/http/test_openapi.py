"""The description against the running server: whatever is sent as it says, or nearly so, is answered as it says."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.app import Gateway
from tests.gateway.http.conftest import Api
from tests.gateway.http.test_roles import TABLE
from tests.rig.gateway import running

EXAMPLES = 8 if os.environ.get("CI") else 20
"""Requests for each operation."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway that no rate stops."""
    fast = {"http": {"address": "127.0.0.1:0", "requests_per_second": 100_000}}
    async with running(tmp_path, settings=fast) as (found, _, _):
        yield found


def ask_all(address: str, token: str) -> dict[str, Counter[int]]:
    """Send what the description allows, to every operation of it; how often each was answered with which status.

    Raises what a check finds.
    """
    schema = schemathesis.openapi.from_url(f"http://{address}/openapi.json")
    told = {}
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        told[found.ok().label] = ask(found.ok(), token)
    return told


def ask(operation: Any, token: str) -> Counter[int]:
    """The same for one operation."""
    told: Counter[int] = Counter()

    @given(case=operation.as_strategy(), known=st.integers(0, 9))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    def one(case: Any, known: int) -> None:
        if known and "customer" in (case.path_parameters or {}):
            case.path_parameters["customer"] = "acme"
        answer = case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {token}"}, timeout=70)
        told[answer.status_code] += 1

    one()
    return told


async def test_every_operation_answers_as_it_is_described(gateway: Gateway) -> None:
    _, token = gateway.stores.tokens.create("admin", None, gateway.clock())
    told = await asyncio.to_thread(ask_all, gateway.http_address, token)
    assert len(told) == len(TABLE)
    # Much of what is sent is well formed, so that more than the refusals is seen.
    assert sum(any(status < 300 for status in statuses) for statuses in told.values()) >= 20


def references_of(value: object) -> list[str]:
    """Every $ref in a description."""
    if isinstance(value, dict):
        found = [each for key, part in value.items() if key != "$ref" for each in references_of(part)]
        return [*found, *([value["$ref"]] if "$ref" in value else [])]
    return [each for part in value for each in references_of(part)] if isinstance(value, list) else []


async def test_the_description_is_whole(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.")
    assert {"title", "version"} <= described["info"].keys()
    for reference in references_of(described):
        part = described
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
    operations = [each for path in described["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations) == len(TABLE)
    assert all(each["description"] for each in operations)
    for path, methods in described["paths"].items():
        for operation in methods.values():
            named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in named)
            assert ("security" in operation) == path.startswith("/api/")


async def test_the_description_names_every_status_and_its_form(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()["paths"]
    for (method, path), asked in TABLE.items():
        responses = described[path][method.lower()]["responses"]
        assert {"408", "413", "500", "503"} <= responses.keys(), (method, path)
        assert {str(status) for status in asked.statuses} <= responses.keys(), (method, path)
        if path.startswith("/api/"):
            assert {"401", "403", "422"} <= responses.keys(), (method, path)
            # A switch that stops a spammer works at once, always.
            switch = path.endswith(("/suspend", "/resume", "/lock", "/unlock"))
            assert ("429" in responses) == (not switch), (method, path)
        for status, response in responses.items():
            assert response["description"], (method, path, status)
            if status[0] in "45":
                assert list(response["content"]) == ["application/problem+json"], (method, path, status)
            else:
                assert response["content"], (method, path, status)


async def test_every_operation_and_every_field_that_is_sent_has_an_example_or_speaks_for_itself(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert operation["tags"], (method, path)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                continue
            fields = schemas[body["schema"]["$ref"].rpartition("/")[2]]
            required = {name: fields["properties"][name] for name in fields.get("required", ())}
            bare = [name for name, each in required.items() if not each.get("examples") and "$ref" not in each]
            assert not bare, (method, path, bare)
            assert fields.get("additionalProperties") is False or path.endswith(("/suspend", "/resume")), path
