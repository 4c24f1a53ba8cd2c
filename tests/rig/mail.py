"""Mail for end-to-end tests: made from a seed, submitted by several sessions, compared with what arrived."""

import math
import random
import smtplib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from tests.rig.sink import Arrival

SMALLEST, LARGEST = 1024, 1024 * 1024
"""Octets of a made message, about."""
_WORDS = bytes.maketrans(bytes(range(256)), (b"abcdefghijklmnopqrstuvwxyz   " * 9)[:256])
_EIGHT_BIT = bytes.maketrans(bytes(range(256)), ("äöüß€é, xyz ".encode() * 20)[:250] + b"abcdef")


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of a message that was submitted; its body is not kept."""

    message_id: str
    reverse_path: str
    recipients: tuple[str, ...]
    header: bytes
    """The header block with the CRLF of its last field."""
    body_sha256: str
    size: int


def made(number: int, tag: str, domain: str, draw: random.Random) -> tuple[Sent, bytes]:
    """Message `number` of a run: the facts, and its octets. Sizes are spread evenly over their logarithm.

    One in ten has an 8-bit body, one in ten lines of 998 octets, one in ten lines that begin with dots, one in fifty
    no body at all, and one in twenty-five up to 120 recipients.
    """
    size = int(math.exp(draw.uniform(math.log(SMALLEST), math.log(LARGEST))))
    recipients = tuple(
        f"{tag}-{number}-{each}@recipient.example" for each in range(draw.randint(2, 120) if number % 25 == 7 else 1)
    )
    message_id = f"<{tag}.{number}@{domain}>"
    header = (
        f"Message-ID: {message_id}\r\nDate: Fri, 20 Nov 2026 10:{number % 60:02}:00 +0000\r\n"
        f"From: =?utf-8?q?Ann_M=C3=BCller?=\r\n <ann@{domain}>\r\nTo: {recipients[0]}\r\n"
        f"subJect:  odd   spacing,\r\n\t folded {number}  \r\nX-Empty:\r\nX-Long: {'w' * draw.randint(1, 900)}\r\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; d={domain};\r\n\tb={draw.randbytes(60).hex()}\r\n"
    ).encode()
    kind = number % 50
    body = b"" if kind == 9 else _body(kind % 10, max(1, size - len(header)), draw)
    sent = Sent(message_id, f"ann@{domain}", recipients, header, sha256(body).hexdigest(), len(header) + 2 + len(body))
    return sent, header + b"\r\n" + body


def _body(kind: int, size: int, draw: random.Random) -> bytes:
    table, width, start = _WORDS, 76, b""
    if kind == 1:
        table = _EIGHT_BIT
    elif kind == 2:
        width = 998
    elif kind == 3:
        start = b"." * draw.randint(1, 3)
    text = draw.randbytes(size).translate(table)
    step = width - len(start)
    lines = [start + text[at : at + step] for at in range(0, size, step)]
    if kind == 4:
        lines += [b".", b"", b"..", b""]
    return b"\r\n".join(lines) + b"\r\n"


class Run:
    """`count` messages, submitted to a port by `sessions` threads of one connection each."""

    def __init__(self, tag: str, count: int, domain: str, *, seed: int = 1, sessions: int = 4) -> None:
        self.tag, self.count, self._domain, self._seed, self._sessions = tag, count, domain, seed, sessions
        self.sent: dict[str, Sent] = {}
        self._fault: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def submit(self, port: int, pace: Callable[[int], None] | None = None) -> "Run":
        """Start submitting; `pace` is called with each message's number before it is sent."""
        for part in range(self._sessions):
            thread = threading.Thread(
                target=self._submit, args=(port, part, pace), name=f"{self.tag} {part}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return self

    def done(self, timeout: float = 120) -> "Run":
        """Wait until all is submitted; raises what a session raised."""
        for thread in self._threads:
            thread.join(timeout)
            assert not thread.is_alive(), f"{len(self.sent)} of {self.count} submitted in {timeout:g} s"
        if self._fault:
            raise self._fault[0]
        assert len(self.sent) == self.count
        return self

    def _submit(self, port: int, part: int, pace: Callable[[int], None] | None) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=60) as session:
                for number in range(part, self.count, self._sessions):
                    if pace:
                        pace(number)
                    sent, content = made(number, self.tag, self._domain, random.Random(f"{self._seed} {number}"))
                    refused = session.sendmail(sent.reverse_path, sent.recipients, content, ["BODY=8BITMIME"])
                    assert not refused, refused
                    self.sent[sent.message_id] = sent
        except BaseException as fault:  # noqa: BLE001 - handed to done()
            self._fault.append(fault)


def of_run(arrivals: Iterable[Arrival], tag: str) -> list[Arrival]:
    """The arrivals of one run."""
    return [arrival for arrival in arrivals if arrival.message_id.startswith(f"<{tag}.")]


def check_unchanged(sent: Mapping[str, Sent], arrivals: Iterable[Arrival]) -> None:
    """Each arrival is a message that was sent: the same body, and the same header block behind what was put on top."""
    for arrival in arrivals:
        original = sent[arrival.message_id]
        assert arrival.body_sha256 == original.body_sha256, arrival.message_id
        assert arrival.reverse_path == original.reverse_path
        assert set(arrival.recipients) <= set(original.recipients)
        assert arrival.header.endswith(original.header), (arrival.header, original.header)
        top = arrival.header[: -len(original.header)]
        names = {name for name, _ in fields(top)}
        assert names == {b"received"}, top


def fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The fields of a header block: name in lower case, value unfolded."""
    for line in block.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").split(b"\r\n"):
        if line:
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip()


def received_ids(arrival: Arrival, by: str) -> list[str]:
    """The ids in the Received fields that `by` has put on, the newest first."""
    found = []
    for name, value in fields(arrival.header):
        words = value.decode("latin-1").replace(";", " ").split()
        if name == b"received" and f"by {by} " in value.decode("latin-1").replace(";", " ") + " ":
            found.append(words[words.index("id") + 1])
    return found


def references(arrival: Arrival) -> list[str]:
    """The references of the decisions that the message passed with, the newest first: our ids without their check."""
    return [found.partition("-")[0] for found in received_ids(arrival, "gw.example")]


def copies(arrivals: Sequence[Arrival]) -> dict[tuple[str, str], list[Arrival]]:
    """(message id, recipient) -> its arrivals, in order. A message is delivered once for each recipient."""
    found: defaultdict[tuple[str, str], list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        for recipient in arrival.recipients:
            found[arrival.message_id, recipient].append(arrival)
    return dict(found)


def expected(sent: Mapping[str, Sent]) -> Counter[tuple[str, str]]:
    """(message id, recipient) -> 1."""
    return Counter((each.message_id, recipient) for each in sent.values() for recipient in each.recipients)
