"""A message of 50 MB passes in bounded memory; one octet above the limit is refused."""

import re
import threading
from collections import Counter
from hashlib import sha256
from pathlib import Path

from tests.rig.postern import NETS, Memory, Postern
from tests.rig.processes import wait_until
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client

LIMIT = 50 * 1024 * 1024
"""What the shipped policy allows."""
HEADER = b"Message-ID: <large@nets.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nFrom: ann@nets.example\r\n"
ENVELOPE = ("ann@nets.example", "bob@recipient.example")
SMALL = 16 * 1024 * 1024
"""Well under the size: what the process may grow by."""


def _large(size: int) -> bytes:
    """A message of exactly `size` octets with lines that begin with dots."""
    line = b".." + b"x" * 994 + b"\r\n"
    room = size - len(HEADER) - 2
    return HEADER + b"\r\n" + line * (room // len(line)) + b"y" * (room % len(line) - 2) + b"\r\n"


def _unlinked(pid: int) -> int:
    """Octets in files without a name that a process holds open."""
    total = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(entry.readlink()).endswith("(deleted)"):
                total += entry.stat().st_size
        except FileNotFoundError:
            continue
    return total


class Watch:
    """Looks at a process's memory all the time while its block runs."""

    def __init__(self, pid: int) -> None:
        self.most: Counter[str] = Counter()
        self._memory, self._over = Memory(pid), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.most |= Counter(self._memory.read())

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()


def test_a_message_of_the_largest_size_passes_in_bounded_memory(tmp_path: Path) -> None:
    content = _large(LIMIT)
    assert len(content) == LIMIT
    digest = sha256(content[len(HEADER) + 2 :]).hexdigest()
    with Sink() as sink, Postern(tmp_path / "gw", sink.port, customers=[NETS]) as postern:
        with Client(postern.port) as client:
            assert client.message(HEADER + b"\r\nwarm\r\n", *ENVELOPE)[:4] == "250 "
            assert client.esmtp_features["size"] == str(LIMIT)
            before = Memory(postern.process.pid).read()
            with Watch(postern.process.pid) as watch:
                client.envelope(*ENVELOPE, parameters=f" SIZE={LIMIT}")
                half = content[: LIMIT // 2]
                half = half[: half.rindex(b"\r\n") + 2]
                client.send(half.replace(b"\r\n.", b"\r\n.."))
                wait_until(
                    lambda: _unlinked(postern.process.pid) > LIMIT // 4, 20, "the body is in a file without a name"
                )
                rest = content[len(half) :]
                client.send((b"\r\n" + rest).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
                assert re.match(r"250 2\.0\.0 Accepted; ref \w{26}; next hop: ", client.reply())
            after = Memory(postern.process.pid).read()
        grown = {name: (watch.most[name] - before[name]) / 1e6 for name in ("RssAnon", "RssFile", "RssShmem", "VmRSS")}
        print(
            f"{LIMIT / 1e6:.1f} MB: peak growth in MB {grown}, after it {(after['VmRSS'] - before['VmRSS']) / 1e6:.1f}"
        )
        assert _unlinked(postern.process.pid) == 0
        large = sink.arrivals()[-1]
        assert (large.body_sha256, large.header.endswith(HEADER)) == (digest, True)
        assert watch.most["RssAnon"] - before["RssAnon"] < SMALL
        assert watch.most["VmRSS"] - before["VmRSS"] < SMALL


def test_a_message_above_the_limit_is_refused_by_its_word_and_by_its_octets(tmp_path: Path) -> None:
    content = _large(LIMIT + 1)
    with Sink() as sink, Postern(tmp_path / "gw", sink.port, customers=[NETS]) as postern:
        with Client(postern.port) as client:
            assert client.ask(f"MAIL FROM:<ann@nets.example> SIZE={LIMIT + 1}").startswith("552 5.3.4 ")
            with Watch(postern.process.pid) as watch:
                before = Memory(postern.process.pid).read()
                assert client.message(content, *ENVELOPE).startswith("552 5.3.4 ")
            assert client.message(HEADER + b"\r\nafter\r\n", *ENVELOPE).startswith("250 "), "the session goes on"
        assert len(sink.arrivals()) == 1
        assert watch.most["RssAnon"] - before["RssAnon"] < SMALL
        assert _unlinked(postern.process.pid) == 0
        assert [each["phase"] for each in postern.search("--rule", "SIZE")] == ["mail", "data"]
