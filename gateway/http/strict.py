"""Strict: nothing that was asked is passed over. What a request says wrongly or twice is refused, not guessed at."""

import json
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from starlette.exceptions import HTTPException

from config.files import nearest
from gateway.http.problems import Problem


class StrictRequest(Request):
    """A request whose JSON says nothing twice."""

    async def json(self) -> Any:
        """The body; raises JSONDecodeError, or HTTPException 422 where it is no JSON that can be read."""
        try:
            return json.loads(await self.body(), object_pairs_hook=_once)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError:
            raise _unreadable("not JSON: it is not UTF-8") from None
        except RecursionError:
            raise _unreadable("nested too deeply") from None
        except ValueError as error:
            # Of a name that stands twice, or Python's bound of the digits of a number.
            raise _unreadable(str(error).partition(";")[0]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259 section 4 leaves open which of two would count: one list's consent would be recorded for another.
    twice = _twice(name for name, _ in pairs)
    if twice is not None:
        raise ValueError(f"the name {twice[:64]!r} stands twice in one object")
    return dict(pairs)


def _unreadable(why: str) -> HTTPException:
    # FastAPI makes 400 of everything else that is raised while it reads a body.
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"body: {why}")


def parameters(dependant: Dependant) -> frozenset[str]:
    """The names of a route's query parameters."""
    fields = get_flat_params(dependant)
    return frozenset(each.alias for each in fields if isinstance(each.field_info, Query))


def check_parameters(request: Request, known: frozenset[str]) -> None:
    """Raise Problem 422 for a parameter that the route does not have, or that stands twice.

    A misspelt `dry_run` would otherwise import the file.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            hint = nearest(name, [*known])
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"query: there is no parameter '{name[:64]}'{hint}")
    twice = _twice(names)
    if twice is not None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{twice}: stands twice in the query; give it once")


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)
