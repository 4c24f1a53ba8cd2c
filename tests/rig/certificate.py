"""Self-signed certificates, told apart by their serial numbers."""

import datetime as dt
import smtplib
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write(folder: Path, serial: int) -> tuple[Path, Path]:
    """Put a new certificate and its key into a folder, over those that are there; the two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw.example")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(serial).not_valid_before(start).not_valid_after(start + dt.timedelta(days=9999))
    cert, key_file = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert, key_file


def serial_at(port: int) -> int:
    """The serial number of the certificate that is shown there after STARTTLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=60) as session:
        session.starttls(context=context)
        secured = session.sock
        assert isinstance(secured, ssl.SSLSocket)
        octets = secured.getpeercert(binary_form=True)
    assert octets
    return x509.load_der_x509_certificate(octets).serial_number
