"""The labelled set of transactional and promotional mail."""

from collections import Counter
from email import message_from_bytes

from tests.bulk.purpose.samples import samples


def test_the_set_is_as_large_as_it_says_and_its_halves_are_apart() -> None:
    found = list(samples())
    assert Counter((each.promotional, each.half) for each in found) == {
        (False, "choose"): 48, (False, "prove"): 48, (True, "choose"): 40, (True, "prove"): 40,
    }  # fmt: skip
    assert len({each.id for each in found}) == len({each.raw for each in found}) == len(found)
    assert {each.id for each in samples("choose")}.isdisjoint(each.id for each in samples("prove"))
    for half in ("choose", "prove"):
        assert {each.id.split(" ")[0] for each in samples(half)} == {"en", "de", "fr", "es"}
        assert len({each.id.split(" ")[1] for each in samples(half)}) == 22


def test_every_message_is_well_formed() -> None:
    for each in samples():
        assert not message_from_bytes(each.raw).defects
        assert b"\n" not in each.raw.replace(b"\r\n", b"")
