"""Real keys, and messages signed with them by dkimpy."""

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import dkim
import nacl.encoding
import nacl.signing
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SIGNED_AT = 1795168700
"""Seconds since 1970: shortly before the time of `tests.rig.gateway.Clock`."""


@dataclass(frozen=True)
class Key:
    """A private key as dkimpy takes it, and its record."""

    private: bytes
    record: str
    algorithm: bytes = b"rsa-sha256"


@functools.cache
def rsa_key(bits: int = 2048, number: int = 0) -> Key:
    """An RSA key, made once; another `number` is another key."""
    key = rsa.generate_private_key(65537, bits)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}")


@functools.cache
def ed25519_key() -> Key:
    """An Ed25519 key (RFC 8463)."""
    key = nacl.signing.SigningKey.generate()
    public = key.verify_key.encode(nacl.encoding.Base64Encoder).decode()
    return Key(key.encode(nacl.encoding.Base64Encoder), f"v=DKIM1; k=ed25519; p={public}", b"ed25519-sha256")


def signed(
    message: bytes, domain: str = "example.org", key: Key | None = None, at: int = SIGNED_AT, **more: Any
) -> bytes:
    """The message (CRLF) with one more signature on top; selector `s`, `t=` is `at`, what more dkimpy's `sign` takes."""
    used = key or rsa_key()
    options: dict[str, Any] = {"canonicalize": (b"relaxed", b"relaxed"), **more}
    signer = dkim.DKIM(message, signature_algorithm=used.algorithm)
    with patch.object(dkim, "time", SimpleNamespace(time=lambda: at)):
        field: bytes = signer.sign(b"s", domain.encode(), used.private, **options)
    return field + message


def signed_as_written(message: bytes, tags: bytes, key: Key | None = None) -> bytes:
    """The message signed without dkimpy, relaxed/simple, the field's value as written: `{bh}` and `{b}` are filled in."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = [field.partition(b":") for field in re.split(rb"\r\n(?![ \t])", head)]
    body_hash = base64.b64encode(hashlib.sha256(body.rstrip(b"\r\n") + b"\r\n").digest())
    tags = tags.replace(b"{bh}", body_hash)
    names = re.search(rb"(?<!b)h=([^;]*)", tags)
    assert names is not None
    text = b""
    for name in re.sub(rb"\s", b"", names[1]).lower().split(b":"):
        at = next((at for at in range(len(fields) - 1, -1, -1) if fields[at][0].lower() == name), None)
        if at is not None:
            text += _relaxed(*fields.pop(at)[::2]) + b"\r\n"
    text += _relaxed(b"DKIM-Signature", tags.replace(b"{b}", b""))
    private = serialization.load_pem_private_key((key or rsa_key()).private, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    signature = base64.b64encode(private.sign(text, padding.PKCS1v15(), hashes.SHA256()))
    return b"DKIM-Signature:" + tags.replace(b"{b}", signature[:70] + b"\r\n\t " + signature[70:]) + b"\r\n" + message


def _relaxed(name: bytes, value: bytes) -> bytes:
    return name.lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()
