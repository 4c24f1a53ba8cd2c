"""A customer's webhook as the operator writes it: where the customer is told what happens to its mail. Pure."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.files import Frozen

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z|[0-9A-Fa-f:.]{2,45}\Z")
_FORM = "write it like 'https://hooks.acme.example/postern'"


def _url(text: str) -> str:
    """An absolute https URL in printable ASCII without user, password and fragment; raises ValueError."""
    if not re.fullmatch(r"[\x21-\x7e]+", text) or "\\" in text:
        raise ValueError(f"holds white space, or characters that are not printable ASCII: {_FORM}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"is not a URL: {_FORM}") from None
    if parts.scheme.lower() != "https":
        raise ValueError(f"must start with https://: what is told is nobody else's business; {_FORM}")
    if not _HOST.match(host) or port == 0:
        raise ValueError(f"names no host that can be reached: {_FORM}")
    if "@" in parts.netloc:
        raise ValueError("holds a user or password: every request is signed, so take them out")
    if "#" in text:
        raise ValueError("holds a fragment ('#…'), which is never sent: take it out")
    return text


class Webhook(Frozen):
    """Where a customer is told by HTTP."""

    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)] = Field(repr=False)
    """It may hold a secret of the customer's in its path: shown to the operator only, and not logged."""
    secret_version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Counts the secrets that requests are signed with. One more makes another; the one before goes on signing too."""

    @property
    def host(self) -> str:
        """The host of the URL, without the brackets of an IPv6 address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port of the URL."""
        return urlsplit(self.url).port or 443
