"""Whatever goes wrong is told as problem details."""

import logging
from collections.abc import Iterator

import pytest

from consent.database import Database, RegistryDown
from tests.gateway.http.conftest import Api, is_problem

PATH = "/api/v1/customers/acme/suspend"


@pytest.fixture
def registry_down(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def down(self: Database) -> None:
        raise RegistryDown("registry postgresql://postern@db.internal/x: connection refused")

    monkeypatch.setattr(Database, "reading", down)
    yield
    monkeypatch.undo()


async def test_a_path_there_is_not_is_404(api: Api) -> None:
    for path in ("/", "/nothing", "/api/v1/customers", "/healthz/", "/%00"):
        assert "/docs" in str(is_problem(await api.client.get(path), 404)["detail"]), path


async def test_a_method_there_is_not_is_405_with_those_there_are(api: Api) -> None:
    answer = await api.client.get(PATH)
    is_problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    is_problem(await api.client.delete("/healthz"), 405)


UNREADABLE = [
    (b"{", "not JSON"),
    (b"", "body"),
    (b"[]", "body"),
    (b"{}", "reason"),
    (b'{"reason": ""}', "reason"),
    (b'{"reason": "   "}', "reason"),
    (b'{"reason": 7}', "reason"),
    (b'{"reason": "a\\u0007b"}', "printable"),
    (b'{"reason": "a\\u0000b"}', "printable"),
    (b'{"reason": "a\\ud800b"}', "reason"),
    (b'{"reason": "%s"}' % (b"x" * 501), "500"),
    (b"\xff\xfe", "body"),
]
IMPOSSIBLE = [
    ("since", "yesterday"),
    ("since", "2026-11-20T10:00:00"),
    ("until", "0001-01-01T00:00:00+14:00"),
    ("since", "9999-12-31T23:59:59-14:00"),
    ("sender", "nobody"),
    ("recipient", "a b@c"),
    ("verdict", "maybe"),
    ("kind", "segment"),
    ("limit", "0"),
    ("limit", "1001"),
    ("limit", "x"),
]


async def test_a_request_that_cannot_be_read_is_422_and_names_what(api: Api) -> None:
    headers = {**api.as_("admin"), "Content-Type": "application/json"}
    for content, named in UNREADABLE:
        answer = await api.client.post(PATH, content=content, headers=headers)
        assert named in str(is_problem(answer, 422)["detail"]), content
    entry = api.gateway.directory.get("acme")
    assert entry is not None
    assert entry.standing.status == "active"


async def test_a_parameter_that_cannot_be_is_422_and_named(api: Api) -> None:
    for name, value in IMPOSSIBLE:
        assert str(is_problem(await api.audit("admin", **{name: value}), 422)["detail"]).startswith(name)


async def test_what_was_sent_is_not_repeated(api: Api) -> None:
    answer = await api.post(PATH, "admin", reason=["a secret put in the wrong place"])
    is_problem(answer, 422)
    assert "secret" not in answer.text


async def test_a_registry_that_is_down_is_503_and_its_place_is_not_told(
    api: Api, registry_down: None, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await api.audit("admin")
    is_problem(answer, 503)
    assert "db.internal" not in answer.text
    assert answer.headers["retry-after"]
    assert "db.internal" in caplog.text


async def test_our_own_fault_is_500_and_tells_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> list[str]:
        raise RuntimeError("inner matters")

    with monkeypatch.context() as patch:
        patch.setattr(api.gateway, "trouble", broken)
        answer = await api.client.get("/readyz")
    is_problem(answer, 500)
    assert "inner" not in answer.text
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    assert (await api.client.get("/readyz")).status_code == 200
