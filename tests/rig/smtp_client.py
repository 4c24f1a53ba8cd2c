"""An SMTP client for end-to-end tests that can hang up where a real one does not."""

import base64
import smtplib
from typing import Self

from tests.rig.postern import PASSWORD


class Client(smtplib.SMTP):
    """A session with a gateway; replies come back as text, such as `250 2.1.0 Sender ok`."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        """`source` is the address to connect from."""
        super().__init__("127.0.0.1", port, timeout=60, source_address=(source, 0))
        self.ehlo("client.example")

    def __enter__(self) -> Self:
        return self

    def ask(self, line: str) -> str:
        """A command's reply, lines joined by a blank."""
        code, text = self.docmd(line)
        return f"{code} {text.decode().replace(chr(10), ' ')}"

    def authenticate(self, username: str = "acme-app", password: str = PASSWORD) -> str:
        """AUTH PLAIN."""
        return self.ask("AUTH PLAIN " + base64.b64encode(f"\0{username}\0{password}".encode()).decode())

    def envelope(self, reverse_path: str, *recipients: str, parameters: str = "") -> None:
        """MAIL, RCPT and DATA; raises AssertionError when one is refused."""
        for line in (f"MAIL FROM:<{reverse_path}>{parameters}", *(f"RCPT TO:<{each}>" for each in recipients), "DATA"):
            reply = self.ask(line)
            assert reply[0] in "23", f"{line}: {reply}"

    def content(self, message: bytes) -> None:
        """The message and its final dot, and no waiting for the reply."""
        # Lines that begin with a dot get another (RFC 5321 section 4.5.2).
        self.send((b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")

    def reply(self) -> str:
        """The next reply."""
        code, text = self.getreply()
        return f"{code} {text.decode().replace(chr(10), ' ')}"

    def message(self, message: bytes, reverse_path: str, *recipients: str, parameters: str = "") -> str:
        """A whole transaction; the reply to its final dot."""
        self.envelope(reverse_path, *recipients, parameters=parameters)
        self.content(message)
        return self.reply()


def send(port: int, message: bytes, reverse_path: str, *recipients: str) -> str:
    """One message in a session of its own; the reply to its final dot."""
    with Client(port) as client:
        return client.message(message, reverse_path, *recipients)


def hang_up_after_the_dot(port: int, message: bytes, reverse_path: str, *recipients: str) -> None:
    """One message; the connection is closed as soon as the final dot is sent."""
    client = Client(port)
    client.envelope(reverse_path, *recipients)
    client.content(message)
    client.close()
