"""DKIM signatures (RFC 6376, RFC 8463): making keys, and signing. Arithmetic on values; which key signs what is
decided in `gateway.signing`.

What is signed is what is sent: the header block with our own lines on it, and the body as it goes out. Nothing is
trusted to stay as it is but what the signature covers, so:

* relaxed/relaxed, never `l=` (section 8.2), SHA-256 only (RFC 8301);
* each field that is signed is signed as often as it stands, and most once more, so that none can be put in (section
  8.15) without breaking the signature;
* `x=` bounds for how long a copy can be replayed, and how long a key's record is needed.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from mmap import mmap

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from consent.dkim_keys import OVERLAP, Algorithm
from filters import canonical
from filters.message import Field

LIFETIME = int(OVERLAP.total_seconds())
"""Seconds until a signature expires (`x=`): longer than MTAs try, as long as the record of a retired key stays."""
BITS = 2048
"""Of an RSA key (RFC 8301 section 3.2). Longer ones do not fit into what many DNS interfaces take."""
MOST_OF_A_NAME = 20
"""Fields of one name that are signed, from the bottom up. Those that may be many are few in honest mail."""

_ALWAYS = ("from", "to", "cc", "subject", "date", "reply-to", "message-id", "mime-version", "content-type")
"""Signed once more than they stand, also where they do not stand at all: who adds one changes what readers see."""
_PRESENT = (
    "sender", "in-reply-to", "references", "content-transfer-encoding", "content-disposition", "content-language",
    "content-id", "content-description", "auto-submitted", "precedence", "importance", "feedback-id",
)  # fmt: skip
"""Signed once more than they stand, where they stand: a list that passes the message on may add a Sender."""
_LIST = ("list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-subscribe", "list-post",
         "list-owner", "list-archive")  # fmt: skip
"""The same. Where one stands, what one click needs (RFC 8058 section 4) is signed even where it is missing; where none
stands, a list that passes the message on may add its own."""
_ONE_CLICK = ("list-unsubscribe", "list-unsubscribe-post")
_RESENT = ("resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-message-id")
"""Signed as often as they stand: who resends the message puts another block on top (RFC 5322 section 3.6.6)."""
_SIGNABLE = ("", "space before the colon")
"""Defects of a field that everybody takes for one all the same."""
_SIGNED = (*_ALWAYS, *_PRESENT, *_LIST, *_RESENT)
_NAMES = frozenset(_SIGNED)
_USUAL = 64
"""Fields of a header block whose order of signing is remembered."""
_PADDING, _HASH = padding.PKCS1v15(), hashes.SHA256()
_TAGS = {"rsa": "rsa-sha256", "ed25519": "ed25519-sha256"}
_WIDTH = 76


class BadKey(Exception):
    """A private key that is none of its algorithm; the text holds nothing of it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and where its public part is. `repr` shows nothing private."""

    domain: str
    selector: str
    algorithm: Algorithm
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @classmethod
    def load(cls, domain: str, selector: str, algorithm: Algorithm, private: bytes) -> "SigningKey":
        """The key in PKCS #8 (DER); raises BadKey."""
        try:
            # It was sealed by us: to prove its primes once more takes 43 ms.
            key = serialization.load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
        except Exception:  # noqa: BLE001 - whatever the library says of it stays with us
            raise BadKey("not a private key") from None
        if not isinstance(key, RSAPrivateKey if algorithm == "rsa" else Ed25519PrivateKey):
            raise BadKey(f"not a private key for {algorithm}")
        return cls(domain, selector, algorithm, key)

    @property
    def tag(self) -> str:
        """Its algorithm as `a=` has it."""
        return _TAGS[self.algorithm]

    def sign(self, text: bytes) -> bytes:
        """The signature over the header as RFC 6376 section 3.7 has it; for Ed25519 over its hash (RFC 8463)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(text, _PADDING, _HASH)
        return self.private.sign(hashlib.sha256(text).digest())


def generate(algorithm: Algorithm) -> tuple[bytes, str]:
    """A new key: private, as PKCS #8 in DER, and public, as `p=` has it in base64."""
    encoding, form = serialization.Encoding, serialization.PublicFormat
    key: RSAPrivateKey | Ed25519PrivateKey
    if algorithm == "rsa":
        key = generate_private_key(65537, BITS)
        public = key.public_key().public_bytes(encoding.DER, form.SubjectPublicKeyInfo)
    else:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(encoding.Raw, form.Raw)
    private = key.private_bytes(encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, base64.b64encode(public).decode()


def sign(
    keys: Sequence[SigningKey], fields: Iterable[Field], raw: bytes | mmap, body_start: int, now: datetime
) -> bytes:
    """A DKIM-Signature field for each key, in their order, with CRLF; to be put on top of the header block.

    `fields` are those of the header block that is sent, `raw` from `body_start` on the body. It takes its time, in
    which the interpreter is mostly free for others: run it in a thread.
    """
    digest = hashlib.sha256()
    for piece in canonical.body(raw, body_start, relaxed=True):
        digest.update(piece)
    body_hash = base64.b64encode(digest.digest()).decode()
    names, text = _covered(fields)
    return b"".join([_field(key, names, text, body_hash, int(now.timestamp())) for key in keys])


def _covered(fields: Iterable[Field]) -> tuple[str, bytes]:
    """What `h=` says, and the canonical fields in that order."""
    standing = [each for each in fields if each.name in _NAMES and each.defect in _SIGNABLE]
    names = tuple([each.name for each in standing])
    listed, order = _usual_order(names) if len(names) <= _USUAL else _order(names)
    pieces: list[bytes] = []
    for name, at in order:
        pieces += (name, canonical.header_value(standing[at].value), b"\r\n")
    return listed, b"".join(pieces)


def _order(names: Sequence[str]) -> tuple[str, tuple[tuple[bytes, int], ...]]:
    """What `h=` says of a header block with these names, and of each field that is signed its name with a colon and
    where it stands: of one name from the bottom up (section 5.4.2)."""
    standing: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        standing.setdefault(name, []).append(at)
    listed = any(name in standing for name in _LIST)
    said: list[str] = []
    order: list[tuple[bytes, int]] = []
    for name in _SIGNED:
        found = standing.get(name, [])[: -MOST_OF_A_NAME - 1 : -1]
        said += [name] * len(found)
        order += [(f"{name}:".encode(), at) for at in found]
        once_more = name in _ALWAYS or (listed and name in _ONE_CLICK) or (found and name not in _RESENT)
        if once_more and len(found) < MOST_OF_A_NAME:
            said.append(name)
    return ":".join(_folded_names(said)), tuple(order)


_usual_order = lru_cache(maxsize=256)(_order)
"""Header blocks that one program writes are alike."""


def _field(key: SigningKey, names: str, text: bytes, body_hash: str, now: int) -> bytes:
    value = (
        f" v=1; a={key.tag}; c=relaxed/relaxed; d={key.domain};\r\n"
        f"\ts={key.selector}; t={now}; x={now + LIFETIME};\r\n"
        f"\th={names};\r\n"
        f"\tbh={body_hash};\r\n"
        "\tb="
    )
    # Itself it is signed without its line end, and with an empty b= (section 3.7).
    own = b"dkim-signature:" + canonical.header_value(value.encode())
    signature = base64.b64encode(key.sign(text + own)).decode()
    folded = "\r\n\t ".join([signature[at : at + _WIDTH - 4] for at in range(0, len(signature), _WIDTH - 4)])
    return f"DKIM-Signature:{value}{folded}\r\n".encode()


def _folded_names(names: Sequence[str]) -> Iterator[str]:
    """The names, those that begin a line behind a fold (section 3.5: FWS may stand beside the colons of `h=`)."""
    width = 3
    for name in names:
        if width + len(name) + 1 > _WIDTH:
            yield f"\r\n\t {name}"
            width = 2
        else:
            yield name
        width += len(name) + 1
