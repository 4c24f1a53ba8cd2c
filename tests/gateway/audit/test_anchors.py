"""Anchors: where the registry's chain ended, found again in the audit."""

from datetime import timedelta
from pathlib import Path

import pytest

from consent.records import Batch
from gateway.audit.anchors import anchor, anchors, newest, survey
from gateway.audit.segments import segment_path
from tests.rig.audit import NOON, Clock, act, journal


def batch(number: int) -> Batch:
    return Batch(number, f"{number:064x}", number, 1, "acme", 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two journals: the gateway noted none, 1 and 3, a command 2."""
    clock = Clock()
    gateway, cli = journal(tmp_path / "gateway", clock=clock), journal(tmp_path / "cli", clock=clock)
    for audit in (gateway, cli):
        audit.open()
    gateway.append_blocking(anchor(None, "gateway"))
    gateway.append_blocking(anchor(batch(1), "gateway"))
    clock.now = NOON + timedelta(days=1)
    cli.append_blocking(anchor(batch(2), "ann@desk"))
    gateway.append_blocking(act(reason='"kind":"anchor"'))
    gateway.append_blocking(anchor(batch(3), "token:1"))
    for audit in (gateway, cli):
        audit.close_blocking()
    return tmp_path


def test_those_noted_last_come_first_over_all_journals(root: Path) -> None:
    found = list(anchors(root))
    assert [(each.process, each.number) for each in found] == [
        ("gateway", 3),
        ("cli", 2),
        ("gateway", 1),
        ("gateway", 0),
    ]
    assert found[0].hash == batch(3).hash
    assert found[-1].hash == "0" * 64
    assert found[0].time > found[-1].time


def test_the_newest_is_the_one_noted_last(root: Path) -> None:
    assert newest(root) == next(anchors(root))
    assert newest(root / "none") is None


def noted(root: Path, *said: tuple[int, bool]) -> Path:
    """A journal with anchors (number, complete), in this order."""
    audit = journal(root / "main")
    audit.open()
    for number, complete in said:
        audit.append_blocking(anchor(batch(number), "x", complete=complete))
    audit.close_blocking()
    return root


@pytest.mark.parametrize(
    ("said", "held", "sure", "lost"),
    [
        ((), (), None, None),
        (((1, True),), (1,), 1, None),
        (((1, True), (2, False), (3, False)), (1, 2, 3), 1, None),
        (((1, True), (2, False), (3, False)), (1, 2), 1, 3),
        (((1, True), (2, True), (3, False)), (1, 3), 1, 2),
        (((1, False), (2, True), (3, False)), (1,), None, 3),
        (((1, True), (2, False), (3, False), (2, True)), (1, 2), 2, None),
    ],
)
def test_a_registry_is_sure_up_to_the_last_complete_anchor_it_holds(
    tmp_path: Path, said: tuple[tuple[int, bool], ...], held: tuple[int, ...], sure: int | None, lost: int | None
) -> None:
    found = survey(noted(tmp_path, *said), lambda each: each.number in held)
    assert (found.sure and found.sure.number, found.lost and found.lost.number) == (sure, lost)


def test_a_record_that_cannot_be_read_is_passed_over(root: Path) -> None:
    path = segment_path(root / "gateway", 2)
    path.write_bytes(path.read_bytes().replace(b'"batch":3', b'"botch":3'))
    found = newest(root)
    assert found is not None
    assert found.number == 2


def test_an_anchor_names_the_customer_and_how_many_events() -> None:
    record = anchor(batch(7), "token:1")
    assert record.members({}) == {
        "customer": "acme", "actor": "token:1", "batch": 7, "hash": batch(7).hash, "count": 1, "complete": False,
    }  # fmt: skip
