"""filters/sample.py."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.sample import sample

KEY = b"of sixteen bytes"
MOST = 1024
DRAW = random.Random(1)
SYLLABLES = [first + second for first in "bdfghklmnprst" for second in ("a", "en", "i", "or", "u")]


def text(octets: int) -> str:
    words = ["".join(DRAW.choices(SYLLABLES, k=DRAW.randrange(1, 4))) for _ in range(octets // 3)]
    return " ".join(words)[:octets]


def shared(one: str, other: str) -> float:
    """Which part of the words of one are in the other."""
    return len(set(one.split()) & set(other.split())) / len(set(one.split()))


LONG = text(20_000)


def test_a_short_text_is_its_own_sample() -> None:
    assert sample("für alle", KEY, 9) == "für alle"
    assert sample(LONG[:MOST], KEY, MOST) == LONG[:MOST]


def test_a_sample_is_as_long_as_is_asked_and_of_the_text() -> None:
    found = sample(LONG, KEY, MOST)
    assert MOST - 3 <= len(found) <= MOST
    assert shared(found, LONG) > 0.9


def test_of_a_text_a_little_too_long_nearly_all_is_taken() -> None:
    assert shared(LONG[:MOST], sample(LONG[: MOST + 100], KEY, MOST)) > 0.6


@pytest.mark.parametrize(
    "other",
    [
        text(2_000) + " " + LONG,
        LONG + " " + text(2_000),
        LONG[11_003:] + " " + LONG[:11_003],
        LONG.replace(" ", "\n"),
        LONG.upper(),
        " ".join(word if at % 50 else "another" for at, word in enumerate(LONG.split())),
    ],
    ids=["behind", "before", "order", "lines", "case", "words"],
)
def test_what_stands_elsewhere_or_around_moves_little(other: str) -> None:
    assert shared(sample(LONG, KEY, MOST).lower(), sample(other, KEY, MOST).lower()) > 0.6


def test_what_is_said_again_and_again_does_not_push_out_the_rest() -> None:
    again = text(500)
    assert shared(sample(" ".join([again] * 40 + [LONG]), KEY, MOST), LONG) > 0.5


def test_the_key_decides_what_is_taken() -> None:
    assert shared(sample(LONG, KEY, MOST), sample(LONG, KEY[::-1], MOST)) < 0.5


def test_a_text_in_which_no_pattern_stands_is_cut() -> None:
    assert sample("e" * 3 * MOST, KEY, MOST) == "e" * MOST


@given(st.text(min_size=40), st.integers(1, 40))
def test_any_text_has_a_sample_within_the_bound(text: str, most: int) -> None:
    found = sample(text, KEY, most)
    assert found == text or len(found.encode()) <= most


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz")
def test_a_text_of_one_letter_does_not_take_the_place_of_all_others(letter: str) -> None:
    """Found by a review: one piece of 17 KB displaced an advertisement of 40 KB under a fifth of all keys."""
    padding = " ".join(letter * DRAW.randrange(1, 8) for _ in range(2_000))
    assert shared(sample(LONG, KEY, 4 * MOST), sample(padding + " " + LONG, KEY, 4 * MOST)) > 0.4
