"""The ledger in memory stays small, whatever strangers put into it."""

from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Add, Mark, Marked


def test_meters_and_marks_are_bounded_and_what_is_used_stays() -> None:
    ledger = MemoryLedger(lambda: 0.0, max_keys=10)
    for number in range(100):
        for name in ("used", str(number)):
            ledger.do(Add(name, 1, drain=60, most=1000))
            ledger.do(Mark(name, 60))
    assert len(ledger._meters) == len(ledger._marks) == 10
    assert ledger.do(Add("used", 0, drain=60, most=1000)) == 100
    assert ledger.do(Marked("used"))
    assert not ledger.do(Marked("0"))


def test_an_empty_meter_takes_no_room() -> None:
    ledger = MemoryLedger(lambda: 0.0)
    ledger.do(Add("read only", 0, drain=60, most=10))
    assert not ledger._meters
