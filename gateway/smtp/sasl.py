"""SASL: what a client sends in AUTH PLAIN and AUTH LOGIN, up to a username and a password (RFC 4954)."""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable

from filters.model import Reply
from gateway.smtp import replies

MECHANISMS = ("PLAIN", "LOGIN")

Challenge = Callable[[str], Awaitable[bytes | Reply]]
"""Sends `334` with a prompt in base64; the client's line without CRLF, or the reply that ends the exchange."""


async def credentials(mechanism: str, initial: str, challenge: Challenge) -> tuple[str, str] | Reply:
    """Username and password of one exchange, or the reply that ends it; `initial` is the initial response, if any."""
    if mechanism == "PLAIN":
        return await _plain(initial, challenge)
    return await _login(initial, challenge)


async def _plain(initial: str, challenge: Challenge) -> tuple[str, str] | Reply:
    """RFC 4616: authzid NUL authcid NUL password; acting for somebody else is not offered."""
    blob = _decode(initial.encode()) if initial else await _ask("", challenge)
    if isinstance(blob, Reply):
        return blob
    parts = blob.split(b"\0")
    if len(parts) != 3:
        return replies.AUTH_BASE64
    authzid, username, password = (part.decode("utf-8", "replace") for part in parts)
    return replies.AUTH_BAD if authzid not in ("", username) else (username, password)


async def _login(initial: str, challenge: Challenge) -> tuple[str, str] | Reply:
    """The LOGIN mechanism (draft-murchison-sasl-login): Username: and Password: in base64."""
    username = _decode(initial.encode()) if initial else await _ask("VXNlcm5hbWU6", challenge)
    if isinstance(username, Reply):
        return username
    password = await _ask("UGFzc3dvcmQ6", challenge)
    if isinstance(password, Reply):
        return password
    return username.decode("utf-8", "replace"), password.decode("utf-8", "replace")


async def _ask(prompt: str, challenge: Challenge) -> bytes | Reply:
    line = await challenge(prompt)
    if isinstance(line, Reply):
        return line
    return replies.AUTH_CANCELLED if line == b"*" else _decode(line)


def _decode(line: bytes) -> bytes | Reply:
    """Base64; "=" is the empty initial response."""
    if line == b"=":
        return b""
    try:
        return b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return replies.AUTH_BASE64
