"""The fuzz's harness over the corpus that is kept, and a short run of its own with a fixed seed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.harness import Harness

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
WORDS = [
    line.strip('"').encode("latin-1").decode("unicode_escape").encode("latin-1")
    for line in (Path(__file__).parent / "smtp.dict").read_text().splitlines()
]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with Harness() as made:
        yield made


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_kept_input_breaks_nothing_in_any_cutting(path: Path, harness: Harness) -> None:
    data = path.read_bytes()
    for seed in range(0, 256, 5):
        harness.play(data[:1] + bytes([seed]) + data[2:])


def test_inputs_made_from_a_fixed_seed_break_nothing_and_half_of_them_reach_data(harness: Harness) -> None:
    draw, before, reached = random.Random(3), harness.sessions, harness.reached_data
    kept = [path.read_bytes()[2:] for path in CORPUS]
    for _ in range(1500):
        pieces = [
            draw.choice([draw.choice(WORDS), draw.choice(kept), draw.randbytes(3)]) for _ in range(draw.randint(1, 12))
        ]
        harness.play(bytes([draw.randrange(256), draw.randrange(256)]) + b"".join(pieces))
    assert harness.sessions - before == 1500
    assert harness.reached_data - reached > 750
