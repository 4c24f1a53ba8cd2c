"""Client certificates: a TLS context that asks for one, requires none, and takes any.

A certificate is identity by its fingerprint alone: that the client holds its key is proven by the handshake, and who
signed it or until when says nothing. Python's ssl can ask for a certificate only if it verifies it against authorities
too; pyOpenSSL leaves that to us. asyncio and uvloop use of a context no more than `wrap_bio`.
"""

import socket
import ssl
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

T = TypeVar("T")

_PIECE = 64 * 1024


class AskingContext(ssl.SSLContext):
    """A server's context, TLS 1.2 at least, that asks each client for a certificate."""

    _context: SSL.Context

    def __new__(cls, cert_file: str, key_file: str) -> Self:
        """The certificate chain and its key, PEM; raises ssl.SSLError or OSError when they cannot be used."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        # The files are read by ssl first: its errors say more.
        made.load_cert_chain(cert_file, key_file)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.use_certificate_chain_file(cert_file)
        context.use_privatekey_file(key_file)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        # No session is resumed: each handshake shows the certificate anew.
        context.set_options(SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_verify(SSL.VERIFY_PEER, lambda *ignored: True)
        made._context = context
        return made

    def __init__(self, cert_file: str, key_file: str) -> None:
        super().__init__()

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> Any:
        """What asyncio works with: one TLS connection between two buffers."""
        return _Connection(self._context, incoming, outgoing)


class _Connection:
    """As ssl.SSLObject, as far as event loops use it."""

    def __init__(self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._incoming, self._outgoing = incoming, outgoing

    def do_handshake(self) -> None:
        self._do(self._tls.do_handshake)

    def read(self, size: int = 1024, buffer: Any = None) -> Any:
        try:
            data = self._do(lambda: self._tls.recv(size))
        except ssl.SSLZeroReturnError:
            data = b""  # close_notify
        if buffer is None:
            return data
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes) -> int:
        # Takes nothing in: the loop stops reading when much waits in `incoming`, so that must stay there.
        return self._step(lambda: self._tls.send(data))

    def unwrap(self) -> None:
        if not self._do(self._tls.shutdown):
            raise ssl.SSLWantReadError("the client has not closed yet")

    def pending(self) -> int:
        # uvloop reads only while something waits: in `incoming`, which is empty here, or in what this says. So what is
        # not decrypted yet counts too, and an end or an error that only a read will tell.
        try:
            self._do(lambda: self._tls.recv(1, socket.MSG_PEEK))
        except ssl.SSLWantReadError:
            return 0
        except ssl.SSLError:
            return 1
        return self._tls.pending()

    def getpeercert(self, binary_form: bool = False) -> bytes | dict[str, Any] | None:
        found = self._tls.get_peer_certificate(as_cryptography=True)
        if found is None:
            return None
        return found.public_bytes(Encoding.DER) if binary_form else {}

    def cipher(self) -> tuple[str, str, int] | None:
        name = self._tls.get_cipher_name()
        return None if name is None else (name, str(self._tls.get_cipher_version()), self._tls.get_cipher_bits() or 0)

    def version(self) -> str:
        return self._tls.get_protocol_version_name()

    def compression(self) -> None:
        return None

    def _do(self, step: Callable[[], T]) -> T:
        """One step with all that has come in."""
        while self._incoming.pending:
            self._tls.bio_write(self._incoming.read(_PIECE))
        return self._step(step)

    def _step(self, step: Callable[[], T]) -> T:
        """One step, what it says put out, with errors as those of ssl."""
        try:
            return step()
        except SSL.WantReadError:
            raise ssl.SSLWantReadError from None
        except SSL.ZeroReturnError:
            raise ssl.SSLZeroReturnError from None
        except SSL.Error as error:
            raise ssl.SSLError(f"TLS failed: {error}") from None
        finally:
            self._drain()

    def _drain(self) -> None:
        while True:
            try:
                self._outgoing.write(self._tls.bio_read(_PIECE))
            except SSL.Error:  # WantReadError: nothing is left
                return


def fingerprint(transport: Any) -> str | None:
    """SHA-256, in hexadecimal, of the certificate that the client has shown (DER); None when it has shown none."""
    found = transport.get_extra_info("ssl_object")
    certificate = None if found is None else found.getpeercert(binary_form=True)
    return None if certificate is None else sha256(certificate).hexdigest()
