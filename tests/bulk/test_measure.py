"""The labelled set, and that a small part of it comes out as docs/bulk.md says."""

from email import message_from_bytes

from filters.fingerprint import fingerprint
from filters.message import Message
from gateway.ledger.clusters import LIKENESS
from tests.bulk.campaigns import KINDS, merged, receipts, templates
from tests.bulk.letters import Firm, letters
from tests.bulk.measure import KEY, Sent, measured


def test_the_set_is_as_large_as_it_says() -> None:
    found = templates()
    assert len(found) >= 60 and len({each.blocks for each in found}) == len(found)
    assert len({each.language for each in found}) >= 9
    assert len({each.html for each in found}) == 2
    assert [len(KINDS), len(receipts())] == [8, 10]


def test_it_is_the_same_each_time_and_no_two_merges_are() -> None:
    template = templates()[3]
    for kind in KINDS:
        first = [merged(template, kind, "Acme", number, 1) for number in range(10)]
        assert first == [merged(template, kind, "Acme", number, 1) for number in range(10)]
        assert len(set(first)) == 10
        assert all(not message_from_bytes(raw).defects for raw in first)
        assert all(b"\n" not in raw.replace(b"\r\n", b"") for raw in first)


def test_a_small_part_of_the_half_for_choosing_is_told_apart() -> None:
    firm = Firm.of("choose", 0, "en")
    sent = [
        Sent(each.id, KINDS[at % 8], fingerprint(Message(merged(each, KINDS[at % 8], firm.name, at, 1)), KEY))
        for at in range(40)
        for each in templates()[:12:4]
    ]
    sent += [Sent(letter.thread, "letter", fingerprint(Message(letter.raw), KEY)) for letter in letters(firm, 200, 3)]
    figures = measured([sent], LIKENESS)
    assert figures.recall >= 0.98
    assert figures.wrong <= 1
    assert figures.right == figures.joined


def test_a_measurement_sees_what_is_wrong() -> None:
    """Where everything is alike, one-to-one mail is in wrong clusters; where nothing is, campaigns are in none."""
    template, firm = templates()[0], Firm.of("choose", 0, "en")
    sent = [
        Sent("c", "merge", fingerprint(Message(merged(template, "merge", firm.name, at, 1)), KEY)) for at in range(30)
    ]
    sent += [
        Sent(letter.thread, "letter", fingerprint(Message(merged(template, "merge", firm.name, at, 9)), KEY))
        for at, letter in enumerate(letters(firm, 30, 3))
    ]
    assert measured([sent], LIKENESS).wrongly == 1
    assert measured([sent], LIKENESS._replace(pair=1.1)).recall == 0
