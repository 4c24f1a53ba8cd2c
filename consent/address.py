"""Address: one mailbox, parsed once.

Pure. The text as written is kept for forwarding; `canonical` is for matching only (spec R-105): domain as
lower-case A-labels, local-part lower-cased. Nothing is folded beyond that: `+tag` and dots stay.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

MAX_PATH = 254
"""Octets of an address: a path of 256 less its angle brackets (RFC 5321 section 4.5.3.1.3). The local-part has no
bound of its own: bounce addresses that encode another one are often longer than 64."""

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"({_ATEXT}(?:\.{_ATEXT})*)@((?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?)\Z")


class AddressError(ValueError):
    """Not an address; the text says why, without repeating the address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox `local@domain` with a fully qualified domain (RFC 5321 section 4.1.2, RFC 6531)."""

    text: str
    """As written, without angle brackets: what is passed on."""
    canonical: str
    """For matching: local-part and domain lower-cased, domain as A-labels."""

    @property
    def domain(self) -> str:
        """The domain in lower-case A-labels."""
        return self.canonical.rpartition("@")[2]

    @property
    def spellings(self) -> tuple[str, ...]:
        """How others may have written it in lower case: as we do, as here, and with its domain in its own script."""
        local, _, domain = self.canonical.rpartition("@")
        labels = map(_in_own_script, domain.split("."))
        return tuple(dict.fromkeys((self.canonical, self.text.lower(), f"{local}@{'.'.join(labels)}")))

    @property
    def ascii_only(self) -> bool:
        """Whether it can be passed on without SMTPUTF8."""
        return self.text.isascii()

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address in `text` (no angle brackets, no comments); raises AddressError."""
        if len(text) > MAX_PATH or len(text.encode("utf-8", "surrogateescape")) > MAX_PATH:
            raise AddressError(f"longer than {MAX_PATH} octets")
        plain = _PLAIN.match(text)
        if plain:
            return cls(text, text.lower())
        found, why = _read(text)
        if why:
            raise AddressError(why)
        return cls(text, found)


# An international domain takes a tenth of a millisecond, and the rules read each field in several ways.
@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[str, str]:
    """The canonical form, and why there is none."""
    try:
        found = validate_email(
            text,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_smtputf8=True,
        )
    except (EmailNotValidError, UnicodeError) as error:
        return "", _why(text, error)
    domain = found.ascii_domain or found.domain
    if "." not in domain or domain.rpartition(".")[2].isdigit():
        return "", "the domain is not fully qualified"
    return f"{found.local_part.lower()}@{domain.lower()}", ""


def _in_own_script(label: str) -> str:
    """The U-label of an A-label (RFC 5890 section 2.3.2.1); any other label as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _why(text: str, error: Exception) -> str:
    if "@" not in text:
        return "no @ and domain"
    if isinstance(error, UnicodeError):
        return "not valid UTF-8"
    return "not a valid mailbox (RFC 5321 section 4.1.2)"
