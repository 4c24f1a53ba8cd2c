"""Messages of every shape, signed by us, verified by dkimpy and by OpenDKIM; then what signing costs.

    python -m tests.bench.dkim [--messages N] [--first NUMBER]

Each message (tests/rig/dkim_shapes.py, made from its number) is changed and signed as the gateway does it, with an RSA
and an Ed25519 key. Both signatures must verify in both; where the message has a List-Unsubscribe, none may once that
was altered in transit. OpenDKIM is Debian's package `opendkim`, in its test mode. The exit status is 1 when a message
is not as it should be, and its number is told; 2 where OpenDKIM is missing.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import dkim

from consent.dkim_keys import Algorithm, DkimKey
from filters.message import Message
from gateway.sign import SigningKey, generate, sign
from tests.rig.dkim_shapes import DOMAIN, sent, shape

ALGORITHMS: tuple[Algorithm, ...] = ("rsa", "ed25519")
BATCH = 250
_TELLING = re.compile(r"^opendkim: \S+/(\d+)\.eml: verification ", re.M)
_RESULT = re.compile(r"\bdkim=(\w+)")
_HEADER = (
    b"Received: from client.example ([192.0.2.1])\r\n\tby gw.example with ESMTPSA id 01KAGV0000AAAAAAAAAAAAAAA1;\r\n"
    b"\tFri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <20261120100000.1@acme.example>\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nFrom: Ann Example <ann@acme.example>\r\nTo: bob@recipient.example\r\n"
    b"Subject: Spring offers\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"List-Id: <news.acme.example>\r\nList-Unsubscribe: <https://www.acme.example/u/0123456789>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
)

Keys = Sequence[tuple[bytes, DkimKey]]


def made(now: datetime) -> Keys:
    """A key of each algorithm: private, and as stored."""
    found = []
    for algorithm in ALGORITHMS:
        private, public = generate(algorithm)
        found.append((private, DkimKey("acme", DOMAIN, f"s{algorithm}", algorithm, public, "active", now)))
    return found


def loaded(keys: Keys) -> list[SigningKey]:
    """The same as the gateway has them."""
    return [SigningKey.load(key.domain, key.selector, key.algorithm, private) for private, key in keys]


def altered(message: bytes) -> bytes | None:
    """The message with the first List-Unsubscribe altered by a character; None where there is none."""
    for field in Message(message).all("list-unsubscribe"):
        at = field.end - 2
        while message[at - 1 : at] in (b" ", b"\t", b"\r", b"\n"):
            at -= 1
        return message[:at] + b"x" + message[at:]
    return None


def by_dkimpy(keys: Keys, folder: Path, batch: Sequence[tuple[int, bytes]]) -> dict[int, list[bool]]:
    """What dkimpy says of each signature."""
    records = {f"{key.name}.".encode(): key.record.encode() for _, key in keys}
    return {
        number: [_verified(message, at, records) for at in range(len(Message(message).all("dkim-signature")))]
        for number, message in batch
    }


def _verified(message: bytes, at: int, records: dict[bytes, bytes]) -> bool:
    try:
        return bool(dkim.DKIM(message).verify(at, dnsfunc=lambda name, timeout: records[name]))
    except dkim.ValidationError:
        return False


def by_opendkim(keys: Keys, folder: Path, batch: Sequence[tuple[int, bytes]]) -> dict[int, list[bool]]:
    """What OpenDKIM says of each signature, in its test mode."""
    records = folder / "keys"
    records.write_text("".join(f"{key.name} {key.record}\n" for _, key in keys))
    conf = folder / "opendkim.conf"
    conf.write_text(f"Mode v\nTestPublicKeys {records}\n")
    files = [folder / f"{number}.eml" for number, _ in batch]
    for file, (_, message) in zip(files, batch, strict=True):
        file.write_bytes(message)
    command = ["opendkim", "-x", str(conf), "-vv", "-t", ",".join(map(str, files))]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    for file in files:
        file.unlink()
    found: dict[int, list[bool]] = {}
    at = 0
    for telling in _TELLING.finditer(output.stdout):
        told = output.stdout[at : telling.start()]
        found[int(telling[1])] = [result == "pass" for result in _RESULT.findall(told)]
        at = telling.end()
    return found


def run(keys: Keys, now: datetime, start: int) -> tuple[int, int, list[str]]:
    """One batch: messages, altered ones, and what is wrong."""
    signing = loaded(keys)
    plain = [(number, sent(shape(number), signing, now)) for number in range(start, start + BATCH)]
    touched = [(number, changed) for number, message in plain if (changed := altered(message))]
    wrong = []
    with tempfile.TemporaryDirectory(prefix="postern-dkim-") as name:
        for judge in (by_dkimpy, by_opendkim):
            for batch, right in ((plain, True), (touched, False)):
                said = judge(keys, Path(name), batch)
                wrong += [
                    f"{judge.__name__}: message {number}{'' if right else ', altered'}: {said.get(number)}"
                    for number, _ in batch
                    if said.get(number) != [right] * len(keys)
                ]
    return len(plain), len(touched), wrong


def cost(keys: Keys, now: datetime) -> None:
    """Print microseconds per message: the median of runs, in CPU time of this thread."""
    signing = loaded(keys)
    which = {"RSA-2048": signing[:1], "Ed25519": signing[1:], "both": signing}
    print("\n| octets | " + " | ".join(which) + " |\n|---|" + "---|" * len(which))
    line = b"The quick brown fox jumps over the lazy dog,  and then it sleeps until noon.\r\n"
    for size in (2_000, 20_000, 200_000, 2_000_000):
        raw = _HEADER + (line * (size // len(line) + 1))[: size - len(_HEADER) - 2] + b"\r\n"
        cells = []
        for chosen in which.values():
            times = []
            for _ in range(100 if size < 100_000 else 20):
                begun = time.thread_time()
                message = Message(raw)
                sign(chosen, Message(message.header).fields, raw, message.body_start, now)
                times.append((time.thread_time() - begun) * 1e6)
            cells.append(f"{statistics.median(times):,.0f}")
        print(f"| {size:,} | " + " | ".join(cells) + " |")


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description="Signed messages, verified by dkimpy and OpenDKIM.")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    if shutil.which("opendkim") is None:
        print("OpenDKIM is missing (as root: apt-get install opendkim)", file=sys.stderr)
        return 2
    # Verifiers read the clock, so the signatures are of now.
    now = datetime.now(UTC)
    keys = made(now)
    starts = range(arguments.first, arguments.first + arguments.messages, BATCH)
    messages = touched = 0
    wrong: list[str] = []
    with get_context("spawn").Pool() as pool:
        for count, changed, failed in pool.imap_unordered(partial(run, keys, now), starts):
            messages, touched, wrong = messages + count, touched + changed, wrong + failed
    print(f"{messages} messages, each signed twice; {touched} of them also with List-Unsubscribe altered")
    print("\n".join(wrong[:50]) or "all verify in dkimpy and in OpenDKIM, and none that was altered")
    cost(keys, now)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
