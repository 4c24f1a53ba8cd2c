"""Publisher: heads reach the registry, seldom, and nobody waits for it."""

import threading
from datetime import timedelta

import pytest

from gateway.audit.head import Head
from gateway.audit.publisher import Publisher
from gateway.audit.record import stamp
from tests.rig.audit import MAC_KEY, NOON, Clock

MINUTE = timedelta(minutes=1)


def head(n: int) -> Head:
    return Head.make(MAC_KEY, "head", "main", serial=n, n=n, digest=bytes(32), segment=1, time=stamp(NOON))


class Registry:
    """Keeps what is published; can be waited for."""

    def __init__(self, failures: int = 0) -> None:
        self.heads: list[int] = []
        self.failures = failures
        self._came = threading.Semaphore(0)

    def put(self, head: Head) -> None:
        self._came.release()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the registry is away")
        self.heads.append(head.n)

    def wait(self) -> None:
        assert self._came.acquire(timeout=60)


def test_the_first_is_published_at_once_and_the_next_a_minute_later() -> None:
    clock, registry = Clock(step=timedelta()), Registry()
    publisher = Publisher(registry.put, clock, MINUTE)
    publisher.offer(head(1))
    registry.wait()
    for n in range(2, 9):
        publisher.offer(head(n))
    clock.now += MINUTE
    publisher.offer(head(9))
    registry.wait()
    assert registry.heads == [1, 9]
    publisher.close()
    assert registry.heads == [1, 9]


def test_the_last_is_published_at_the_end() -> None:
    registry = Registry()
    publisher = Publisher(registry.put, Clock(step=timedelta()), MINUTE)
    publisher.offer(head(1))
    registry.wait()
    publisher.offer(head(2))
    publisher.close()
    assert registry.heads == [1, 2]


def test_a_journal_that_falls_silent_is_published_all_the_same() -> None:
    registry = Registry()
    publisher = Publisher(registry.put, Clock(step=timedelta()), timedelta(milliseconds=20))
    publisher.offer(head(1))
    registry.wait()
    publisher.offer(head(2))
    registry.wait()
    publisher.close()
    assert registry.heads == [1, 2]


def test_a_registry_that_is_away_is_counted_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(failures=1)
    publisher = Publisher(registry.put, Clock(step=timedelta()), timedelta(milliseconds=20))
    publisher.offer(head(1))
    registry.wait()
    registry.wait()
    publisher.close()
    assert registry.heads == [1]
    assert publisher.failures == 1
    assert "not published" in caplog.text


def test_a_slow_registry_holds_up_nobody() -> None:
    going = threading.Event()

    def put(head: Head) -> None:
        assert going.wait(10)

    publisher = Publisher(put, Clock(step=MINUTE), MINUTE)
    for n in range(1, 100):
        publisher.offer(head(n))
    going.set()
    publisher.close()
    assert publisher.failures == 0
