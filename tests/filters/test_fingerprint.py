"""filters/fingerprint.py."""

import random
import struct
from collections.abc import Callable
from email.message import EmailMessage
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.fingerprint import FEATURES, LONGEST, NONE, Fingerprint, _hashed, _hashes, fingerprint, words
from filters.message import Message

KEY = b"of sixteen bytes"
TEXT = (
    "We are glad to tell you that the summer sale has begun, and that every pair of shoes, every belt and every bag"
    " costs a third less until Sunday evening. Come and see us in the old mill behind the station.\n\n"
    "Children may ride the pony for nothing while their parents look around, and at four there is cake for everybody"
    " who has kept last year's button. The car park is closed because of the flood, please take the bus instead."
)
OTHER = (
    "The committee has read your report with great interest. It asks you to explain the figures of the third table,"
    " where the losses of the northern branch are larger than its turnover, and to add what the auditors said."
)


def of(text: str, subtype: str = "plain", cte: str = "8bit", charset: str = "utf-8") -> Fingerprint:
    message = EmailMessage()
    message["From"] = "Ann Archer <ann@acme.example>"
    message.set_content(text, subtype=subtype, cte=cte, charset=charset)
    return fingerprint(Message(message.as_bytes().replace(b"\n", b"\r\n")), KEY)


def alike(one: Fingerprint, other: Fingerprint) -> float:
    return len(set(one.features) & set(other.features)) / min(len(one.features), len(other.features))


HTML = "".join(f"<p>{block}</p>" for block in TEXT.split("\n\n"))


@pytest.mark.parametrize(
    ("text", "subtype", "cte", "charset"),
    [
        (TEXT, "plain", "base64", "utf-8"),
        (TEXT, "plain", "quoted-printable", "iso-8859-1"),
        (TEXT.replace(" and ", "\nand "), "plain", "8bit", "utf-8"),
        (f"Dear Bob Becker,\n\n{TEXT}\n\nYours sincerely,\nAnn", "plain", "8bit", "utf-8"),
        (TEXT.upper(), "plain", "8bit", "utf-8"),
        (TEXT + "\n\nhttps://t.example/Xy7k2", "plain", "8bit", "utf-8"),
        (HTML, "html", "8bit", "utf-8"),
        (HTML.replace("shoes", "sh<b></b>o&shy;es<!-- 4711 -->"), "html", "quoted-printable", "utf-8"),
        (f"<div style='display:none'>velvet thunder pocket</div>{HTML}", "html", "8bit", "utf-8"),
    ],
)
def test_one_text_in_another_dress_has_one_fingerprint(text: str, subtype: str, cte: str, charset: str) -> None:
    assert of(text, subtype, cte, charset) == of(TEXT)


def test_blocks_in_another_order_a_name_and_padding_leave_most_of_it() -> None:
    one, two = TEXT.split("\n\n")
    assert alike(of(f"{two}\n\n{one}"), of(TEXT)) > 0.9
    assert alike(of(TEXT.replace("you", "Mr Bartholomew", 1)), of(TEXT)) > 0.9
    assert alike(of(f"{TEXT}\n\n{'ladder copper meadow silent harbour wheel '.join('abcdefg')}"), of(TEXT)) > 0.5


def test_other_text_has_another_fingerprint() -> None:
    assert alike(of(OTHER), of(TEXT)) == 0


def test_figures_do_not_count() -> None:
    assert of(TEXT.replace("third", "12,50").replace("Sunday", "3.")) == of(
        TEXT.replace("third", "9").replace("Sunday", "2026")
    )


@pytest.mark.parametrize(
    "text", ["", "Thanks, will do!", "Dear Bob,\n\nsee you there.\n\nBest regards\nAnn", "👍 👍", "1 2 3 " * 50]
)
def test_what_says_too_little_has_none(text: str) -> None:
    assert of(text) == NONE


def test_a_mail_that_is_nothing_but_a_quotation_is_like_others_that_quote_the_same_and_not_like_the_original() -> None:
    text = "\n".join(f"> {line}" for line in TEXT.split("\n"))
    assert alike(of(f"FYI\n\n{text}"), of(f"See below, Bob\n\n{text}")) == 1
    assert alike(of(f"FYI\n\n{text}"), of(TEXT)) == 0


def test_the_key_decides_which_features_are_kept() -> None:
    message = Message(
        b"From: a@b.example\r\n\r\n"
        + " ".join(f"w{chr(97 + a)}{chr(97 + b)}" for a in range(26) for b in range(26)).encode()
    )
    one, two = fingerprint(message, KEY), fingerprint(message, KEY[::-1])
    assert len(one.features) == FEATURES and not one.all
    assert not set(one.features) & set(two.features)


def test_html_without_text_gives_way_to_its_alternative() -> None:
    message = EmailMessage()
    message["From"] = "a@acme.example"
    message.set_content(TEXT)
    message.add_alternative("<img src='https://t.example/1.png'>", subtype="html")
    assert fingerprint(Message(message.as_bytes().replace(b"\n", b"\r\n")), KEY) == of(TEXT)


def test_scripts_without_spaces_have_words_too() -> None:
    assert words(["お早め"]) == ["お", "早", "め"]
    assert words(["see https://a.example/x or mail a@b.example 4x4"]) == ["see", "or", "mail", "0"]


def long(seed: int, count: int) -> list[str]:
    """Paragraphs, no two alike."""
    draw = random.Random(seed)
    syllables = [first + second for first in "bdfghklmnprst" for second in ("a", "en", "i", "or", "u")]
    return [
        " ".join("".join(draw.choices(syllables, k=draw.randrange(1, 4))) for _ in range(60)) + "."
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda blocks, seed: long(seed, 20) + blocks,
        lambda blocks, seed: [*blocks, *long(seed, 20)],
        lambda blocks, seed: [
            each
            for at, block in enumerate(blocks)
            for each in (block, *(long(seed * 1000 + at, 1) if at % 3 == 0 else []))
        ],
        lambda blocks, seed: random.Random(seed).sample(blocks, len(blocks)),
        lambda blocks, seed: [f"> {each}" for each in long(seed, 200)] + blocks,
    ],
    ids=["behind", "before", "between", "order", "behind a quotation"],
)
@pytest.mark.parametrize("count", [60, 150])
def test_long_texts_that_share_most_of_what_they_say_are_alike(
    count: int, change: Callable[[list[str], int], list[str]]
) -> None:
    blocks = long(0, count)
    several = [of("\n\n".join(change(blocks, seed))) for seed in range(1, 7)]
    likeness = [alike(one, other) for one, other in combinations(several, 2)]
    assert sum(likeness) / len(likeness) > 0.45


def test_a_long_text_and_one_that_was_just_short_enough_are_alike() -> None:
    text = " ".join(long(0, 40))
    assert alike(of(text[: LONGEST - 10]), of(text[: LONGEST + 200])) > 0.7


def test_long_texts_that_say_other_things_are_not_alike() -> None:
    assert alike(of("\n\n".join(long(1, 60))), of("\n\n".join(long(2, 60)))) < 0.1


def test_a_disclaimer_does_not_count_in_a_long_text_either() -> None:
    text = "\n\n".join(long(0, 13))
    notice = "This message is confidential and privileged. If you are not the intended recipient, delete it. " * 8
    assert alike(of(f"{text}\n\n{notice}"), of(text)) > 0.9


def test_features_are_what_their_words_add_up_to() -> None:
    """By another way: one word after the other."""
    hashes, salt = _hashes(KEY, 0), _hashes(KEY, 2**60 + 1)
    found = words([TEXT])
    numbers = [struct.unpack("<3Q", hashes[word]) for word in found]
    added = [
        (one[0] + two[1] + three[2]) % 2**61 >> 29
        for one, two, three in zip(numbers, numbers[1:], numbers[2:], strict=False)
    ]
    assert _hashed(found, hashes) == added
    assert max(max(number) for number in numbers) < 2**61
    assert _hashed(found, salt) != added
    assert _hashed(found[:2], hashes) == []


@given(st.binary(max_size=500))
def test_any_octets_have_a_fingerprint(octets: bytes) -> None:
    found = fingerprint(Message(octets), KEY)
    assert len(found.features) <= FEATURES and list(found.features) == sorted(set(found.features))
