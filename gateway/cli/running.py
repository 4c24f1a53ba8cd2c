"""Asking the gateway that runs, over HTTP: for what is in its memory alone."""

import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TextIO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import click

from config.settings import Settings
from gateway.cli.context import fail

P = ParamSpec("P")
R = TypeVar("R")

_SECONDS = 10.0
_MOST = 16 * 1024 * 1024


def token_file_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--token-file FILE`; the command gets `token_file`, or None."""
    return click.option(
        "--token-file",
        type=click.File(),
        default=None,
        help="A token of `postern token create`, `-` for stdin; needed where the ledger is in the gateway's memory.",
    )(function)


def of_gateway(
    settings: Settings, customer: str, noun: str, token_file: TextIO | None, asked: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The rows that the gateway of these settings has of one customer, such as its `limits`; `asked` is the query.

    What is wrong ends the command: status 1 where the gateway knows no such customer, else 2.
    """
    if token_file is None:
        fail(
            "the ledger is memory://, so the figures are in the gateway that runs: give --token-file FILE, with what "
            "`postern token create --role auditor | tail -n 1` prints",
            2,
        )
    token = token_file.read().strip()
    if not token.isascii() or not token.isprintable():
        fail("--token-file: holds no token", 2)
    url = f"http://{settings.http.address}/api/v1/customers/{quote(customer, safe='')}/{noun}"
    try:
        # It is here or near: a proxy of the environment must not see the token.
        direct = build_opener(ProxyHandler({}))
        # What is said of it holds no address.
        request = Request(f"{url}?{urlencode(asked or {})}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        with direct.open(request, timeout=_SECONDS) as answer:
            rows: list[dict[str, Any]] = json.loads(answer.read(_MOST))[noun]
            return rows
    except HTTPError as error:
        try:
            why = str(json.loads(error.read(_MOST))["detail"])
        except (ValueError, KeyError, TypeError):
            why = error.reason
        fail(f"{url}: {error.code}: {why}", 1 if error.code == 404 else 2)
    except (URLError, TimeoutError, ValueError, KeyError, ConnectionError) as error:
        why = str(getattr(error, "reason", error))
        fail(f"{url}: no answer of a gateway: {why}; is `postern serve` running with these settings?", 2)
