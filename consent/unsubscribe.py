"""Unsubscribe: tokens, and the List-Unsubscribe fields made of them (RFC 8058, RFC 2369, R-115, R-117, R-120, R-121).

A token says who is leaving what, and is the whole authority to do it: no login, no cookie, nothing stored. It is
encrypted and authenticated as one (AES-SIV, RFC 5297, which needs no nonce and so is short), so that it tells nothing
to whoever has not the operator's secrets, and none can be made or altered. It has two forms:

- in a link: key id, SIV, the message's reference (whose first half is its time), the recipient's key, customer, list
  and address; in base64url. Ids are of the letters of base64url, so they take six bits a letter. It is whole in itself:
  a click is understood while the registry is down, and the customer can be told whose it was, though no address is
  stored here;
- in an address, which has 64 octets at most (RFC 5321 section 4.5.3.1.1) and must survive a change of case: key id,
  SIV, the first 12 octets of the recipient's key, 5 that stand for the customer and 4 for the list; in base32. What
  they stand for is looked up.

The key id is the year in which the mail was sent; each year's key is derived from the operator's secrets, so keys
rotate by themselves and a token is good for as long as the secrets are kept: five years, or a customer's suspension,
make no difference.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from consent.keys import Secrets

MOST = 650
"""Characters of a link's token at most: both ids of 64 characters, and an address of `MOST_ADDRESS` octets."""
MOST_ADDRESS = 320
"""Octets of an address that a token holds; a longer one is left out."""
MAILBOX = "u+"
"""What the local-part of an unsubscribe address begins with; the token follows."""
ONE_CLICK = "List-Unsubscribe=One-Click"
"""The value of List-Unsubscribe-Post, and what the body of a one-click POST must hold (RFC 8058 section 3.1)."""

_EPOCH = 2000
_SIV = 16
_REFERENCE = 16
_KEY = 32
_PREFIX, _CUSTOMER, _LIST = 12, 5, 4
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_NOTHING = "Z"
"""Ends an id in a token: a letter that no id has."""
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(f"[0-7][{_CROCKFORD}]{{25}}\\Z")
_TO_DIGITS = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")
_VERSION = b"\x01"
"""Of an address key (`Secrets.subject_octets`)."""


class NoToken(ValueError):
    """It is no token of ours: altered, cut short, or another operator's. Nothing more is said, to nobody."""


@dataclass(frozen=True, slots=True)
class Token:
    """Who leaves what, and from which message."""

    customer: str
    list: str | None
    """None: everything from the sender."""
    key: bytes = field(repr=False)
    """The recipient (`Secrets.subject_octets`), 33 octets."""
    reference: str
    """Of the message, a ULID: its time is in it."""
    address: str = field(default="", repr=False)
    """The recipient as the customer wrote it; "" where the token does not say."""


@dataclass(frozen=True, slots=True)
class Short:
    """What an address says of the same."""

    customer: bytes
    """`Tokens.customer_mark` of the customer."""
    list: bytes
    """`Tokens.list_mark` of the list."""
    prefix: bytes = field(repr=False)
    """The first octets of the recipient's key."""


class Tokens:
    """Makes and reads tokens under the operator's secrets. Thread-safe."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._ciphers: dict[int, AESSIV] = {}

    def make(self, token: Token, now: datetime) -> str:
        """The token for a link; `now` says under which key. Raises ValueError for an id or reference that is none."""
        if not _ID.match(token.customer) or (token.list is not None and not _ID.match(token.list)):
            raise ValueError("not an id")
        if len(token.key) != 1 + _KEY or token.key[:1] != _VERSION:
            raise ValueError("not an address key")
        ids = token.customer + _NOTHING + (token.list or "")
        ids += _NOTHING * (-len(ids) % 4)
        packed, address = base64.urlsafe_b64decode(ids), token.address.encode("utf-8", "replace")
        clear = _octets_of(token.reference) + token.key[1:] + bytes([len(packed)]) + packed
        clear += address if len(address) <= MOST_ADDRESS else b""
        return base64.urlsafe_b64encode(self._seal(b"link", clear, now)).rstrip(b"=").decode("ascii")

    def read(self, text: str) -> Token:
        """What a link's token says; raises NoToken."""
        if len(text) > MOST:
            raise NoToken
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise NoToken from None
        # Of two texts for the same octets one is not ours: each token has one page, one count, one name.
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii") != text:
            raise NoToken
        clear = self._open(b"link", sealed)
        if len(clear) <= _REFERENCE + _KEY:
            raise NoToken
        key, rest = clear[_REFERENCE : _REFERENCE + _KEY], clear[_REFERENCE + _KEY :]
        ids, address = rest[1 : 1 + rest[0]], rest[1 + rest[0] :].decode("utf-8", "replace")
        customer, _, name = base64.urlsafe_b64encode(ids).decode("ascii").rstrip(_NOTHING + "=").partition(_NOTHING)
        return Token(customer, name or None, _VERSION + key, _text_of(clear[:_REFERENCE]), address)

    def make_mailbox(self, token: Token, now: datetime) -> str:
        """The local-part of the address to which a mail unsubscribes: 63 characters."""
        clear = token.key[1 : 1 + _PREFIX] + self.customer_mark(token.customer) + self.list_mark(token.list)
        sealed = self._seal(b"mail", clear, now)
        return MAILBOX + base64.b32encode(sealed).rstrip(b"=").decode("ascii").lower()

    def read_mailbox(self, local: str) -> Short:
        """What a local-part says, in any case; raises NoToken."""
        head, text = local[: len(MAILBOX)], local[len(MAILBOX) :].upper()
        if head.lower() != MAILBOX or not text.isascii() or len(text) > MOST:
            raise NoToken
        try:
            sealed = base64.b32decode(text + "=" * (-len(text) % 8))
        except (ValueError, binascii.Error):
            raise NoToken from None
        if base64.b32encode(sealed).rstrip(b"=").decode("ascii") != text:
            raise NoToken
        clear = self._open(b"mail", sealed)
        if len(clear) != _PREFIX + _CUSTOMER + _LIST:
            raise NoToken
        return Short(clear[_PREFIX : _PREFIX + _CUSTOMER], clear[_PREFIX + _CUSTOMER :], clear[:_PREFIX])

    def customer_mark(self, customer: str) -> bytes:
        """What stands for a customer in an address. Of 10,000 customers two have the same once in 20,000 times."""
        return self._mark(b"customer", customer)[:_CUSTOMER]

    def list_mark(self, name: str | None) -> bytes:
        """What stands for one of a customer's lists; None: everything from the sender."""
        return self._mark(b"list", name or "")[:_LIST]

    def _mark(self, noun: bytes, name: str) -> bytes:
        return hmac.digest(self._secrets.unsubscribe_key(0), noun + b" " + name.encode(), "sha256")

    def _seal(self, form: bytes, clear: bytes, now: datetime) -> bytes:
        number = now.year - _EPOCH
        return bytes([number]) + self._cipher(number).encrypt(clear, [form, bytes([number])])

    def _open(self, form: bytes, sealed: bytes) -> bytes:
        if len(sealed) <= 1 + _SIV or not sealed[0]:
            raise NoToken
        try:
            return self._cipher(sealed[0]).decrypt(sealed[1:], [form, sealed[:1]])
        except InvalidTag:
            raise NoToken from None

    def _cipher(self, number: int) -> AESSIV:
        found = self._ciphers.get(number)
        if found is None:
            found = self._ciphers[number] = AESSIV(self._secrets.unsubscribe_key(number))
        return found


def fields(url: str, mailbox: str = "") -> tuple[tuple[str, str], tuple[str, str]]:
    """(name, value) of List-Unsubscribe and of List-Unsubscribe-Post (RFC 8058 section 3.1, R-115).

    `url` is that of a token (`link`), `mailbox` an address or "". A value is folded between its URIs, with CRLF.
    """
    uris = f"<{url}>"
    if mailbox:
        # RFC 2369 section 3.2 allows the mail to be empty; some clients send none without a subject.
        uris += f",\r\n <mailto:{mailbox}?subject=unsubscribe>"
    return ("List-Unsubscribe", uris), ("List-Unsubscribe-Post", ONE_CLICK)


def link(base: str, token: str) -> str:
    """The address of a token's page; `base` is https:// and a host, as in `http.public_url`."""
    return f"{base.rstrip('/')}/u/{token}"


def _octets_of(reference: str) -> bytes:
    """The 128 bits of a ULID."""
    if not _ULID.match(reference):
        raise ValueError("not a reference")
    return int(reference.translate(_TO_DIGITS), 32).to_bytes(_REFERENCE, "big")


def _text_of(octets: bytes) -> str:
    number = int.from_bytes(octets, "big")
    return "".join(_CROCKFORD[(number >> (5 * at)) & 31] for at in reversed(range(26)))
