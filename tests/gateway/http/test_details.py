"""Problem details without a framework."""

import json
from http import HTTPStatus

from gateway.http.details import details, raw_response


def test_a_raw_response_is_whole() -> None:
    head, _, body = raw_response(HTTPStatus.BAD_REQUEST, "no").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == details(HTTPStatus.BAD_REQUEST, "no")


def test_there_may_be_more_members() -> None:
    assert details(HTTPStatus.NOT_FOUND, "no", trouble=["x"]) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no",
        "trouble": ["x"],
    }
