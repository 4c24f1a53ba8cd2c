"""The edge under attack: what it costs in memory, and what another customer notices of it.

    python -m tests.bench.edge_load [--seconds S] [--idle N] [--megabytes M] [SCENARIO ...]

A gateway, a sink that drops all mail, and the attackers are processes of their own; attackers come from many addresses
of 127/8, so that the bounds per address are not what is measured (but for `flood`, which comes from one). Meanwhile
another customer sends a small message every 20 ms on each of four sessions: its p99 is shown beside the quiet value
measured just before. Scenarios: idle (N idle connections and 100 busy ones), slow (1,000 clients that send an octet of
their message each second), flood (connections from one address as fast as they go), large (a message of M MB on 100
sessions at once). Only ratios of one run mean anything on another machine; the load of the machine is printed too.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles

from tests.bench.relays import build, start_sink
from tests.rig.postern import Memory, Postern

PROBE, CROWD = "127.9.0.1", "127.1"
SMALL = b"From: %s\r\nSubject: load\r\n\r\n" + b"text " * 380 + b"\r\n.\r\n"
CUSTOMERS = [
    {"id": name, "name": name, "domains": [f"{name}.example"], "credentials": [{"networks": [network]}]}
    for name, network in (("probe", "127.9.0.0/16"), ("crowd", "127.1.0.0/16"))
]
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, source: str) -> Client:
    """A connection, greeted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    await answer(reader)
    return reader, writer


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The last line of a reply; raises ConnectionError when there is none."""
    while True:
        line = await reader.readline()
        if not line:
            raise ConnectionError
        if line[3:4] != b"-":
            return line


async def ask(client: Client, line: bytes) -> bytes:
    """One command and its reply."""
    client[1].write(line)
    return await answer(client[0])


async def opened(port: int, source: str, name: bytes) -> Client:
    """A session that has got as far as 354."""
    client = await connect(port, source)
    await ask(client, b"EHLO c.example\r\n")
    await ask(client, b"MAIL FROM:<a@%s.example>\r\n" % name)
    await ask(client, b"RCPT TO:<b@%s.example>\r\n" % name)
    await ask(client, b"DATA\r\n")
    return client


async def send_often(port: int, source: str, name: bytes, pause: float, until: float, took: list[float]) -> None:
    """Small messages on one session; the seconds that each took."""
    client = await connect(port, source)
    await ask(client, b"EHLO c.example\r\n")
    while time.monotonic() < until:
        begun = time.monotonic()
        envelope = b"MAIL FROM:<a@%s.example>\r\n" % name, b"RCPT TO:<b@%s.example>\r\n" % name
        for line in (*envelope, b"DATA\r\n"):
            await ask(client, line)
        if not (await ask(client, SMALL % (b"a@%s.example" % name))).startswith(b"250 "):
            took.append(float("inf"))
        took.append(time.monotonic() - begun)
        await asyncio.sleep(pause)
    client[1].close()


def source(number: int) -> str:
    """One of the crowd's addresses; each is given to a hundred clients."""
    return f"{CROWD}.{number // 100 // 250}.{number // 100 % 250 + 1}"


async def idle(port: int, first: int, count: int, seconds: float, size: int) -> int:
    """Connections that say nothing."""
    clients: list[Client] = []
    for number in range(first, first + count):
        with contextlib.suppress(OSError):
            clients.append(await connect(port, source(number)))
    await asyncio.sleep(seconds)
    return sum(not reader.at_eof() for reader, _ in clients)


async def busy(port: int, first: int, count: int, seconds: float, size: int) -> int:
    """Sessions that send small messages without a pause."""
    took: list[float] = []
    until = time.monotonic() + seconds
    await asyncio.gather(*(send_often(port, source(first + n), b"crowd", 0, until, took) for n in range(count)))
    return len(took)


async def slow(port: int, first: int, count: int, seconds: float, size: int) -> int:
    """An octet of a message each second."""

    async def one(number: int) -> bool:
        try:
            _, writer = await opened(port, source(number), b"crowd")
            until = time.monotonic() + seconds
            while time.monotonic() < until and not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(1)
        except OSError:
            return False
        return not writer.is_closing()

    return sum(await asyncio.gather(*(one(first + n) for n in range(count))))


async def flood(port: int, first: int, count: int, seconds: float, size: int) -> int:
    """Connections from one address, as fast as they go."""
    until, made = time.monotonic() + seconds, 0

    async def one() -> None:
        nonlocal made
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                _, writer = await connect(port, source(first))
                writer.close()
            made += 1

    await asyncio.gather(*(one() for _ in range(count)))
    return made


async def large(port: int, first: int, count: int, seconds: float, size: int) -> int:
    """One large message on each session, all at once; how many were accepted."""
    piece = (b"x" * 76 + b"\r\n") * 840

    async def one(number: int) -> bool:
        try:
            reader, writer = await opened(port, source(number), b"crowd")
            writer.write(b"From: a@crowd.example\r\n\r\n")
            for _ in range(size // len(piece)):
                writer.write(piece)
                await writer.drain()
            return (await ask((reader, writer), b".\r\n")).startswith(b"250 ")
        except OSError:
            return False

    return sum(await asyncio.gather(*(one(first + n) for n in range(count))))


Attack = Callable[[int, int, int, float, int], Awaitable[int]]
ATTACKS: dict[str, Attack] = {"idle": idle, "busy": busy, "slow": slow, "flood": flood, "large": large}


def attack(name: str, arguments: tuple[int, int, int, float, int], results: "multiprocessing.Queue[int]") -> None:
    """In a process of its own, at the lowest priority: real attackers have machines of their own."""
    os.nice(19)

    async def run() -> int:
        return await ATTACKS[name](*arguments)

    results.put(asyncio.run(run()))


def probe(port: int, seconds: float, results: "multiprocessing.Queue[list[float]]") -> None:
    """The other customer, in a process of its own."""

    async def run() -> list[float]:
        took: list[float] = []
        until = time.monotonic() + seconds
        await asyncio.gather(*(send_often(port, PROBE, b"probe", 0.02, until, took) for _ in range(4)))
        return took

    results.put(asyncio.run(run()))


def measured(port: int, seconds: float) -> tuple[float, float, int]:
    """Median, p99 (in ms) and number of the probe's messages."""
    results: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    process = multiprocessing.Process(target=probe, args=(port, seconds, results))
    process.start()
    took = results.get(timeout=seconds + 60)
    process.join()
    cuts = quantiles(took, n=100)
    return cuts[49] * 1000, cuts[98] * 1000, len(took)


def play(name: str, postern: Postern, parts: list[tuple[str, int, int]], seconds: float, size: int) -> None:
    """One scenario: the quiet value, then the attack, and what the probe and the memory say."""
    memory = Memory(postern.process.pid)
    quiet = measured(postern.port, min(seconds, 10))
    before = memory.read()["VmRSS"]
    memory.forget_peak()
    results: multiprocessing.Queue[int] = multiprocessing.Queue()
    # What is to be there when the probe begins takes its time to come up.
    warm = 8.0 if name in ("idle", "slow") else 1.0
    processes = [
        multiprocessing.Process(target=attack, args=(kind, (postern.port, first, count, seconds + warm, size), results))
        for kind, first, count in parts
    ]
    for process in processes:
        process.start()
    time.sleep(warm)
    under = measured(postern.port, seconds)
    during = memory.read()
    counts = [results.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()
    print(
        f"{name:6} {sum(count for _, _, count in parts):6} clients, attackers' counts {counts}; "
        f"probe p50 {quiet[0]:.1f} -> {under[0]:.1f} ms, p99 {quiet[1]:.1f} -> {under[1]:.1f} ms "
        f"(x {under[1] / quiet[1]:.2f}, {under[2]} messages); RSS {before / 1e6:.0f} -> {during['VmRSS'] / 1e6:.0f} MB, "
        f"peak {during['VmHWM'] / 1e6:.0f} MB; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def main() -> int:
    """Run the scenarios; the exit status."""
    parser = argparse.ArgumentParser(prog="edge_load", description="The edge under attack.")
    parser.add_argument("scenarios", nargs="*", default=["idle", "slow", "flood", "large"])
    parser.add_argument("--seconds", type=float, default=30, help="of each scenario, about")
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--megabytes", type=int, default=50)
    chosen = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parts = {
        "idle": [*(("idle", n * chosen.idle // 4, chosen.idle // 4) for n in range(4)), ("busy", 20_000, 100)],
        "slow": [("slow", n * 250, 250) for n in range(4)],
        "flood": [("flood", 30_000, 300)],
        "large": [("large", n * 50, 50) for n in range(2)],
    }
    settings = {"limits": {"connections": 20_000, "connections_per_customer": 20_000}}
    with tempfile.TemporaryDirectory() as at, contextlib.ExitStack() as stack:
        folder = Path(at)
        sink, _ = start_sink(stack, build(folder)[1], folder)
        with Postern(folder / "gw", sink, customers=CUSTOMERS, settings=settings) as postern:
            measured(postern.port, 5)  # what is quiet is measured warm
            for name in chosen.scenarios:
                play(name, postern, parts[name], chosen.seconds, chosen.megabytes * 1_000_000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
