"""Domain names as the operator writes them. Pure."""

import re
from typing import Annotated

import idna
from pydantic import AfterValidator

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def domain_name(text: str) -> str:
    """A fully qualified domain in lower-case A-labels; raises ValueError, naming the form."""
    name = text.strip().rstrip(".").lower()
    try:
        ascii_text = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        ascii_text = ""
    if len(ascii_text) > 253 or not _DOMAIN.match(ascii_text):
        raise ValueError(f"{text!r} is not a fully qualified domain name such as 'acme.example'")
    return ascii_text


Domain = Annotated[str, AfterValidator(domain_name)]
