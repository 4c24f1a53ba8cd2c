"""`postern webhooks`: what an operator sees and does about what customers are told."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from consent.outbox import Dispatch
from gateway.posting import secret_text
from tests.gateway.cli.conftest import Installation, acme, refused, run
from tests.rig.hooks import Hooks
from tests.rig.registry import NOW


@contextmanager
def serving(folder: Path, *acts: int | str) -> Iterator[Hooks]:
    """A webhook of its own thread and loop: a command runs a loop of its own."""
    ready, end = threading.Event(), threading.Event()
    hooks = Hooks(folder, *acts)

    async def serve() -> None:
        async with hooks:
            ready.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield hooks
    finally:
        end.set()
        thread.join()


def prepare(installation: Installation, hooks: Hooks, **webhook: object) -> None:
    """Give acme this webhook."""
    installation.configure(
        webhooks={"allow_networks": ["127.0.0.0/8"], "ca_file": str(hooks.certificate.cert), "timeout": 30}
    )
    installation.apply(acme(webhook={"url": f"https://localhost:{hooks.port}/in", **webhook}))


def lost(installation: Installation, count: int = 1) -> list[Dispatch]:
    """Dispatches of acme that were given up."""
    stores = installation.stores()
    given_up = []
    for number in range(count):
        stores.outbox.add("acme", "limit.reached", {"used": number}, NOW)
        (dispatch,) = stores.outbox.claim(NOW, timedelta(minutes=1), 1)
        stores.outbox.failed(dispatch, NOW, "hooks.acme.example: answered 500")
        given_up.append(dispatch)
    stores.close()
    return given_up


def test_the_list_shows_what_was_given_up_and_why(installation: Installation) -> None:
    (dispatch,) = lost(installation)
    installation.stores().outbox.add("acme", "limit.reached", {}, NOW)
    result = installation.run("webhooks", "list")
    assert result.exit_code == 0
    assert dispatch.id in result.output
    assert "hooks.acme.example: answered 500" in result.output
    (row,) = json.loads(installation.run("webhooks", "list", "--status", "failed", "--json").output)
    assert (row["id"], row["status"], row["attempts"], row["next"]) == (dispatch.id, "failed", 1, None)
    assert json.loads(installation.run("webhooks", "list", "--status", "delivered", "--json").output) == []
    assert len(json.loads(installation.run("webhooks", "list", "--customer", "acme", "--json").output)) == 2


def test_a_retry_by_id_or_of_a_customer_waits_again_and_is_recorded(installation: Installation) -> None:
    first, second, third = lost(installation, 3)
    assert installation.run("webhooks", "retry", first.id).exit_code == 0
    rows = json.loads(installation.run("webhooks", "retry", "--customer", "acme", "--json").output)
    assert {row["id"] for row in rows} == {second.id, third.id}
    assert {row["status"] for row in rows} == {"waiting"}
    result = installation.run("webhooks", "retry", "--customer", "acme")
    assert (result.exit_code, "nothing was changed" in result.stderr) == (0, True)
    found = json.loads(installation.run("audit", "search", "--kind", "action", "--json").output)
    assert [each["details"]["count"] for each in found if each["act"] == "webhooks retry"] == [2, 1]


def test_what_is_not_there_is_said(installation: Installation) -> None:
    refused(installation.run("webhooks", "retry", "evt_0"), "no dispatch 'evt_0'", status=1)
    refused(installation.run("webhooks", "list", "--customer", "acne"), "did you mean 'acme'?", status=1)
    refused(installation.run("webhooks", "retry", "--customer", "acne"), "did you mean 'acme'?", status=1)
    for who in ("test", "secret"):
        refused(installation.run("webhooks", who, "acme"), "has no webhook: set [customers.webhook] url", status=1)
    for wrong in ((), ("evt_0", "--customer", "acme")):
        result = run("webhooks", "retry", *wrong, "--config", installation.file)
        assert (result.exit_code, "name one dispatch" in result.stderr) == (2, True)


def test_a_test_is_delivered_and_signed_with_the_secret_that_is_shown(
    installation: Installation, tmp_path: Path
) -> None:
    with serving(tmp_path) as hooks:
        prepare(installation, hooks)
        result = installation.run("webhooks", "test", "acme", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    (got,) = hooks.received
    event = json.loads(got.body)
    assert (event["type"], event["id"], got.headers["webhook-id"]) == ("test", told["id"], told["id"])
    shown = installation.run("webhooks", "secret", "acme").output.splitlines()[-1]
    assert shown.startswith("whsec_")
    assert got.signed_by(shown)
    found = json.loads(installation.run("audit", "search", "--kind", "action", "--json").output)
    assert [each["details"] for each in found if each["act"] == "webhooks secret"] == [{"version": 1}]
    assert shown not in installation.run("audit", "search", "--json").output


def test_another_version_is_another_secret_and_the_one_before_goes_on(
    installation: Installation, tmp_path: Path
) -> None:
    with serving(tmp_path) as hooks:
        prepare(installation, hooks)
        before = installation.run("webhooks", "secret", "acme").output.splitlines()[-1]
        prepare(installation, hooks, secret_version=2)
        after = installation.run("webhooks", "secret", "acme").output.splitlines()[-1]
        installation.run("webhooks", "test", "acme")
    (got,) = hooks.received
    assert before != after
    assert got.signed_by(before)
    assert got.signed_by(after)
    assert not got.signed_by(secret_text(installation.secrets().webhook_secret("acme", 3)))


@pytest.mark.parametrize("as_json", [True, False])
def test_a_test_that_fails_is_status_1_with_the_reason(
    installation: Installation, tmp_path: Path, as_json: bool
) -> None:
    with serving(tmp_path, 503) as hooks:
        prepare(installation, hooks)
        result = installation.run("webhooks", "test", "acme", *(["--json"] if as_json else []))
    refused(result, "localhost: answered 503", status=1)
    if as_json:
        assert json.loads(result.stdout)["delivered"] is False
