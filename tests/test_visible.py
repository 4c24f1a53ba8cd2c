"""Which links of an HTML part are seen: every case in tests/visible, and what headless Chromium says of the same."""

from pathlib import Path

import pytest

from filters.visible import Shown
from tests.rig.seen import CHROMIUM, Part, all_parts, chromium_says

ALL = all_parts()


@pytest.mark.parametrize("part", ALL, ids=lambda part: f"{part.file}: {part.title}")
def test_links_are_seen_as_the_case_says(part: Part) -> None:
    shown = Shown(part.html)
    assert tuple(not shown.unseen(link, part.width) for link in shown.links) == part.expect


def test_cases_are_many_and_differ() -> None:
    assert len(ALL) >= 200
    assert len({part.title for part in ALL}) == len(ALL)
    assert len({(part.html, part.width) for part in ALL}) == len(ALL)


def test_each_difference_is_explained() -> None:
    for part in ALL:
        assert (part.chromium is None) == (not part.because), part.title
        assert part.chromium is None or part.chromium != part.expect, part.title


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
def test_chromium_sees_the_same_links(tmp_path: Path) -> None:
    said = chromium_says(ALL, tmp_path)
    others = [
        (part.file, part.title, answer, part.chromium or part.expect)
        for part, answer in zip(ALL, said, strict=True)
        if answer != (part.chromium or part.expect)
    ]
    assert not others
