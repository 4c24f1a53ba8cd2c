"""Self-signed certificates."""

import datetime as dt
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as files."""

    cert: Path
    key: Path
    fingerprint: str
    """SHA-256 of the DER form, plain hexadecimal."""

    def client(self) -> ssl.SSLContext:
        """A client's context that presents it, and trusts any server."""
        context = anybody()
        context.load_cert_chain(self.cert, self.key)
        return context


def anybody() -> ssl.SSLContext:
    """A client's context that presents nothing, and trusts any server."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make(folder: Path, name: str = "gw.example", *, days: int = 9999) -> Certificate:
    """A new certificate for a name and localhost, valid from the start of 2026 for so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(start).not_valid_after(start + dt.timedelta(days=days))
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("localhost")])
    made = built.add_extension(names, critical=False).sign(key, hashes.SHA256())
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return Certificate(cert_file, key_file, hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest())
