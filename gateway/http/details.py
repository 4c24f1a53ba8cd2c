"""The members of a problem detail (RFC 9457), free of any framework: the listener answers with them, too."""

import json
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"


def details(status: HTTPStatus, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem; `more` are extension members (RFC 9457 section 3.2)."""
    return {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail, **more}


def raw_response(status: HTTPStatus, detail: str) -> bytes:
    """A whole HTTP/1.1 response that ends the connection, for where no application is reached."""
    body = json.dumps(details(status, detail)).encode()
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
