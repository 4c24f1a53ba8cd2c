"""The operator's secrets: keyed address keys (R-240), per-subject encryption (R-235), the audit's MAC.

The only door to `cryptography` in this package. In the registry of consents each subject has, at each customer, a
salt from which the key of its personal fields is derived: who destroys the salt has erased them (`PersonalKeys`).

An address stands in the audit as its address key, by which it can
be found, and as a text sealed under a key of its own, the subject's; destroying that key makes the text unreadable
everywhere at once and changes no record. Subject keys rest in the registry, wrapped: who holds the registry alone,
or the audit alone, reads no address.
"""

import base64
import binascii
import errno
import hashlib
import hmac
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent.address import Address
from consent.imports.row import DomainName, Subject
from consent.keyed import Keyed

VERSION = 1
SALT = 16
"""Octets of a subject's salt in the consent registry."""
_VERSION_OCTET = bytes([VERSION])
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_KEY = 32
_NONCE = 12
"""Octets of an AES-GCM nonce (NIST SP 800-38D section 8.2.2: random, far under 2**32 uses of one key)."""
_NAMES = ("address_key", "wrapping_key", "audit_key")

_HEAD = """\
# Secrets of this Postern installation. Every node needs this same file; keep a copy apart from the registry.
# Without it no address in the audit can be found or read, and no audit chain can be verified.
"""


class SecretsError(Exception):
    """The secrets file cannot be used; the text names the file, the key and what to do."""


class Unsealable(ValueError):
    """A sealed text or wrapped key that this key does not open: altered, or another's."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The operator's keys, 32 octets each. `repr` shows none of them."""

    path: Path
    """The file they came from."""
    address_secret: bytes = field(repr=False)
    wrapping_secret: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)
    """For the audit's heads (HMAC-SHA-256)."""
    _wrapper: AESGCM = field(repr=False, compare=False)
    _address_mac: "Keyed" = field(repr=False, compare=False)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The secrets in `path`; makes the file, mode 0600 and durable, when there is none. Raises SecretsError.

        Several processes may do this at once: one of them makes the file, whole, and all get the same keys.
        """
        with _plainly(path):
            if not path.exists():
                _create(path)
            return cls._load(path)

    @classmethod
    def _load(cls, path: Path) -> Self:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            data = file.read(64 * 1024)
        if mode & 0o077:
            raise SecretsError(f"{path}: others can read it (mode {mode:04o}); run: chmod 600 {path}")
        try:
            values = tomllib.loads(data.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            # The message of a TOML error names line and column, not the text.
            raise SecretsError(f"{path}: not valid TOML: {error}; restore it from a copy") from None
        version = values.pop("version", None)
        if version != VERSION:
            raise SecretsError(f"{path}: version: must be {VERSION}; it is of another version of Postern, or damaged")
        keys = {name: _key(path, name, values.pop(name, None)) for name in _NAMES}
        if values:
            raise SecretsError(f"{path}: {min(values)}: unknown key; valid here: version, {', '.join(_NAMES)}")
        if len(set(keys.values())) < len(keys):
            raise SecretsError(f"{path}: two keys are the same; restore the file from a copy")
        address, wrapping, audit = (keys[name] for name in _NAMES)
        return cls(path, address, wrapping, audit, AESGCM(wrapping), Keyed(address))

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that name these secrets and tell nothing about them."""
        whole = b"".join((self.address_secret, self.wrapping_secret, self.mac_key))
        return hashlib.sha256(b"postern secrets fingerprint 1 " + whole).hexdigest()[:32]

    def matches(self, fingerprint: str) -> bool:
        """Whether `fingerprint` names these secrets."""
        return hmac.compare_digest(self.fingerprint.encode(), fingerprint.encode())

    def address_key(self, address: Address) -> str:
        """The key under which an address is stored and found: `1:` and base64url of its HMAC-SHA-256 (R-240).

        Addresses of one canonical form have one key. The number names the version of secret and form.
        """
        digest = self._address_mac.digest(address.canonical.encode("utf-8", "surrogatepass"))
        return "1:" + base64.urlsafe_b64encode(digest)[:-1].decode("ascii")

    def subject_octets(self, subject: Subject) -> bytes:
        """The key under which a subject stands in the consent registry: 33 octets, the version and its HMAC-SHA-256.

        Of an address those of `address_key`. A domain is keyed as "@" and its name, a hash as "<algorithm>:<digest>":
        neither is the canonical form of any address.
        """
        if isinstance(subject, Address):
            text = subject.canonical
        elif isinstance(subject, DomainName):
            text = "@" + subject.name
        else:
            text = f"{subject.algorithm}:{subject.digest}"
        return _VERSION_OCTET + self._address_mac.digest(text.encode("utf-8", "surrogatepass"))

    @property
    def chain_key(self) -> bytes:
        """For the chain of consent events (HMAC-SHA-256): who holds the registry alone cannot make it."""
        return hmac.digest(self.mac_key, b"postern consent chain 1", "sha256")

    def domain_token(self, customer: str, domain: str) -> str:
        """What the zone of a domain must hold for a customer to prove that it is its own: 32 letters and digits."""
        text = f"postern domain token 1 {customer} {domain}".encode()
        return base64.b32encode(hmac.digest(self.mac_key, text, "sha256")[:20]).decode("ascii").lower()

    def webhook_secret(self, customer: str, version: int) -> bytes:
        """What signs requests to a customer's webhook: 32 octets, others for each version (Standard Webhooks)."""
        return hmac.digest(self.mac_key, f"postern webhook secret {version} {customer}".encode(), "sha256")

    def unsubscribe_key(self, number: int) -> bytes:
        """For tokens that unsubscribe (AES-SIV, 64 octets): 1 to 255 is a year's, 0 marks customers and lists."""
        return hmac.digest(self.wrapping_secret, b"postern unsubscribe 1 %d" % number, "sha512")

    @property
    def confirmation_key(self) -> bytes:
        """For tokens that confirm an opt-in (HMAC-SHA-256)."""
        return hmac.digest(self.mac_key, b"postern confirmation token 1", "sha256")

    @property
    def trace_key(self) -> bytes:
        """For the ids of our Received fields (HMAC-SHA-256): by it a message that was here before is known again."""
        return hmac.digest(self.mac_key, b"postern received id 1", "sha256")

    @property
    def fingerprint_key(self) -> bytes:
        """For features of text (32 octets): who does not hold it cannot choose words by what they hash to."""
        return hmac.digest(self.mac_key, b"postern fingerprint of text 1", "sha256")

    @property
    def personal_keys(self) -> "PersonalKeys":
        """What derives the keys of personal fields in the consent registry."""
        return PersonalKeys(hmac.digest(self.wrapping_secret, b"postern personal fields 1", "sha256"))

    def seal_signing_key(self, owner: str, key: bytes) -> bytes:
        """A private signing key for storing, bound to its owner, a text: version, nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE)
        return _VERSION_OCTET + nonce + self._signing_keys.encrypt(nonce, key, owner.encode())

    def open_signing_key(self, owner: str, sealed: bytes) -> bytes:
        """What `seal_signing_key` was given for this owner; raises Unsealable."""
        try:
            if sealed[:1] != _VERSION_OCTET:
                raise ValueError
            return self._signing_keys.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], owner.encode())
        except (InvalidTag, ValueError):
            raise Unsealable("a signing key in the registry is damaged, another's, or of other secrets") from None

    @property
    def _signing_keys(self) -> AESGCM:
        return AESGCM(hmac.digest(self.wrapping_secret, b"postern signing keys 1", "sha256"))

    def wrap(self, address_key: str, key: bytes) -> bytes:
        """A subject's key for storing, bound to its address key: nonce, ciphertext, tag; 60 octets."""
        nonce = os.urandom(_NONCE)
        return nonce + self._wrapper.encrypt(nonce, key, _wrap_context(address_key))

    def unwrap(self, address_key: str, wrapped: bytes) -> "SubjectKey":
        """The subject's key in `wrapped`; raises Unsealable."""
        try:
            key = self._wrapper.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _wrap_context(address_key))
        except (InvalidTag, ValueError):
            raise Unsealable("a subject's key in the registry is damaged or of other secrets") from None
        return SubjectKey(address_key, key)


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """One subject's key (AES-256-GCM). What it seals only it opens, and only for that subject."""

    address_key: str
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, address_key: str) -> Self:
        """A fresh random key."""
        return cls(address_key, os.urandom(_KEY))

    def seal(self, text: str) -> str:
        """The text, encrypted and bound to the subject: `1:` and base64url of nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self.secret).encrypt(nonce, text.encode("utf-8", "surrogatepass"), self.address_key.encode())
        return "1:" + base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode("ascii")

    def open(self, sealed: str) -> str:
        """The text in `sealed`; raises Unsealable."""
        try:
            version, text = sealed[:2], sealed[2:]
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if version != "1:":
                raise ValueError
            clear = AESGCM(self.secret).decrypt(data[:_NONCE], data[_NONCE:], self.address_key.encode())
            return clear.decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            raise Unsealable("a sealed address was altered, or belongs to another subject") from None


@dataclass(frozen=True, slots=True)
class PersonalKeys:
    """Derives the key of each subject's personal fields. Nothing it gives is stored; only salts are."""

    secret: bytes = field(repr=False)

    def of(self, customer: str, key: bytes, salt: bytes) -> "PersonalKey":
        """The key of the subject `key` at a customer, for as long as its salt is there (R-235).

        Keyed BLAKE2b (RFC 7693 section 2.9): one half seals, the other commits.
        """
        context = salt + key + customer.encode()
        both = hashlib.blake2b(context, key=self.secret, digest_size=2 * _KEY, person=b"postern personal").digest()
        return PersonalKey(both[:_KEY], both[_KEY:])


class PersonalKey:
    """Seals one subject's personal fields (AES-256-GCM) and commits to each (keyed BLAKE2b)."""

    __slots__ = ("_committing", "_sealing")

    def __init__(self, sealing: bytes, committing: bytes) -> None:
        """Two keys of 32 octets."""
        self._sealing, self._committing = sealing, committing

    def seal(self, fields: bytes) -> bytes:
        """The fields, as the octets of a JSON object, encrypted: version, nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE)
        return _VERSION_OCTET + nonce + AESGCM(self._sealing).encrypt(nonce, fields, None)

    def open(self, sealed: bytes) -> bytes:
        """What `seal` was given; raises Unsealable."""
        try:
            if sealed[:1] != _VERSION_OCTET:
                raise ValueError
            return AESGCM(self._sealing).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], None)
        except (InvalidTag, ValueError):
            raise Unsealable("personal fields were altered, or are of another subject or other secrets") from None

    def commitments(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Per field 16 characters (base64url) that fix its value and, without this key, tell nothing about it.

        The same for the same value of the same subject. Once the salt is destroyed nobody can test a guess.
        """
        key = self._committing
        return {
            name: binascii.b2a_base64(
                hashlib.blake2b(
                    _named(name) + value.encode("utf-8", "surrogatepass"), key=key, digest_size=12
                ).digest(),
                newline=False,
            )
            .translate(_URL_SAFE)
            .decode("ascii")
            for name, value in fields.items()
        }


@lru_cache(maxsize=256)
def _named(name: str) -> bytes:
    """The name of a field with its length before it, so that no name and value read as another name and value."""
    octets = name.encode()
    return len(octets).to_bytes(2, "big") + octets


def key_text(octets: bytes) -> str:
    """A subject's octets as the text in which address keys are shown and filed: `1:` and base64url."""
    return f"{octets[0]}:" + base64.urlsafe_b64encode(octets[1:]).rstrip(b"=").decode("ascii")


def key_octets(text: str) -> bytes:
    """The octets of `key_text`; raises ValueError for any other text."""
    version, _, rest = text.partition(":")
    octets = _VERSION_OCTET + base64.b64decode(rest + "=" * (-len(rest) % 4), altchars=b"-_", validate=True)
    if version != str(VERSION) or len(octets) != 1 + _KEY or key_text(octets) != text:
        raise ValueError("not an address key")
    return octets


def _wrap_context(address_key: str) -> bytes:
    return b"postern subject 1 " + address_key.encode()


def _key(path: Path, name: str, text: object) -> bytes:
    try:
        if not isinstance(text, str):
            raise ValueError
        key = base64.b64decode(text, validate=True)
        if len(key) != _KEY:
            raise ValueError
    except (ValueError, binascii.Error):
        raise SecretsError(f"{path}: {name}: must be {_KEY} octets in base64; restore the file from a copy") from None
    return key


def _create(path: Path) -> None:
    """Make the file whole or not at all: written beside it, made durable, then linked unless another was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"version = {VERSION}"]
    lines += [f'{name} = "{base64.b64encode(os.urandom(_KEY)).decode()}"' for name in _NAMES]
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(_HEAD + "\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(new)
        except FileExistsError:
            return
    finally:
        new.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Errors of the system as SecretsError with the file's name."""
    try:
        yield
    except OSError as error:
        hint = "; run as the user that owns it" if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise SecretsError(f"{path}: cannot be read or made: {error.strerror}{hint}") from None
