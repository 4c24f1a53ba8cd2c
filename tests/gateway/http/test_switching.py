"""What the nouns of the operator's switch share: a refusal is a problem, and the node follows whatever happens."""

from http import HTTPStatus

import pytest

from consent.credentials import NoCredential
from consent.customers import Conflict, CustomerError
from consent.database import RegistryDown
from gateway.audit.record import Act
from gateway.http.context import Context
from gateway.http.pool import Pool
from gateway.http.problems import Problem
from gateway.http.rates import Rates
from gateway.http.switching import recorded, switched
from tests.gateway.http.conftest import Api


def context(api: Api) -> Context:
    return Context(api.gateway, Pool(1), Rates(50, lambda: 0.0))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoCredential("none"), HTTPStatus.NOT_FOUND),
        (Conflict(["held"]), HTTPStatus.CONFLICT),
        (CustomerError("reason"), HTTPStatus.UNPROCESSABLE_ENTITY),
    ],
)
async def test_a_refusal_is_a_problem_of_its_status(api: Api, error: Exception, status: HTTPStatus) -> None:
    def refuse() -> None:
        raise error

    with pytest.raises(Problem) as caught:
        await switched(context(api), refuse)
    assert (caught.value.status, caught.value.detail) == (status, str(error))


async def test_a_registry_that_is_down_afterwards_does_not_spoil_the_answer(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down() -> None:
        raise RegistryDown("gone")

    monkeypatch.setattr(api.gateway, "refresh", down)
    assert await switched(context(api), lambda: 7) == 7


async def test_several_acts_are_recorded(api: Api) -> None:
    recorded(context(api), Act("token:1", "credentials lock", "acme"), Act("token:1", "credentials lock", "nets"))
    assert [each["customer"] for each in api.acts("credentials lock")] == ["acme", "nets"]
