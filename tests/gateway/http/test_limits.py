"""Bodies that are too large or too slow."""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Message, Receive, Scope, Send

from gateway.http.limits import BodyLimit
from tests.gateway.http.conftest import Api, is_problem

PATH = "/api/v1/customers/acme/suspend"


async def test_a_body_within_the_bound_is_read_whole(api: Api) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"rea', b'son": "x"', b" " * 60_000, b"}"):
            yield piece

    headers = {**api.as_("admin"), "Content-Type": "application/json"}
    answer = await api.client.post(PATH, content=pieces(), headers=headers)
    assert answer.status_code == 200


async def test_a_body_that_says_it_is_too_large_is_refused_unread(api: Api) -> None:
    answer = await api.client.post(PATH, content=b" " * 65_537, headers=api.as_("admin"))
    assert "65536 octets" in str(is_problem(answer, 413)["detail"])


async def test_a_body_that_grows_too_large_is_refused(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    is_problem(await api.client.post(PATH, content=endless(), headers=api.as_("admin")), 413)


async def test_a_body_is_bounded_where_none_is_wanted(api: Api) -> None:
    is_problem(await api.client.request("GET", "/healthz", content=b" " * 70_000), 413)


async def serve(*messages: Message | None, seconds: float = 5) -> tuple[list[Message], list[bytes]]:
    """What BodyLimit sends, and the bodies its application saw; None: nothing more comes."""
    sent: list[Message] = []
    seen: list[bytes] = []
    coming = list(messages)

    async def receive() -> Message:
        message = coming.pop(0)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        seen.append(message["body"])
        assert not message["more_body"]

    await BodyLimit(app, octets=10, seconds=seconds)({"type": "http", "headers": []}, receive, send)
    return sent, seen


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_does_not_come_is_answered_408() -> None:
    sent, seen = await serve(part(b"12"), None, seconds=0.01)
    assert sent[0]["status"] == 408
    assert seen == []


async def test_a_client_that_hangs_up_within_its_body_reaches_no_application() -> None:
    assert await serve(part(b"12"), {"type": "http.disconnect"}) == ([], [])


async def test_the_bound_itself_is_allowed() -> None:
    assert (await serve(part(b"12345"), part(b"67890", more=False)))[1] == [b"1234567890"]
    sent, _ = await serve(part(b"12345"), part(b"678901", more=False))
    assert sent[0]["status"] == 413


async def test_what_bounds_its_body_itself_is_passed_on_unread() -> None:
    passed: list[Receive] = []

    async def receive() -> Message:
        raise AssertionError("read before the application asked for it")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(receive)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    limit = BodyLimit(app, octets=10, seconds=1, later=lambda scope: scope["path"] == "/large")
    await limit({"type": "http", "path": "/large", "headers": [(b"content-length", b"1000")]}, receive, send)
    assert passed == [receive]


async def test_a_large_body_is_read_only_once_the_token_is_known(api: Api) -> None:
    large = {"content": b" " * 3_000_000}
    is_problem(await api.ask("POST", "check", "none", **large), 401)
    is_problem(await api.ask("POST", "notices", "auditor", **large), 403)
    is_problem(await api.ask("POST", "check", "other", **large), 404)
    is_problem(await api.ask("POST", "check", "own", **large), 413)
