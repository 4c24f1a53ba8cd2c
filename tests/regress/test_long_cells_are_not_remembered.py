"""Rows whose sources were long and all different were remembered, and filled gigabytes."""

import tracemalloc
from collections.abc import Sequence
from datetime import UTC

import pytest

from consent.imports.formats import FORMATS
from consent.imports.row import Context, Row
from tests.rig.consents import AT

CONTEXT = Context("i", "newsletter", "acme", AT, "ann@desk", UTC, "UTC")
LONG = "x" * 50_000


@pytest.mark.parametrize(
    ("name", "header", "cells"),
    [
        ("generic", ("email", "event_time", "event_state", "source_ref"), ("given",)),
        ("klaviyo-list", ("email", "email marketing consent timestamp", "$consent", "source"), ("email",)),
    ],
)
def test_memory_stays_the_same_however_long_the_sources_are(
    name: str, header: Sequence[str], cells: Sequence[str]
) -> None:
    (found,) = (each for each in FORMATS if each.name == name)
    read = found.reader(header, CONTEXT)
    tracemalloc.start()
    try:
        for number in range(200):
            (row,) = read(("bob@b.example", "2025-01-01T00:00:00Z", *cells, f"{number}{LONG}"), 2)
            assert isinstance(row, Row) and len(row.event.source) <= 512
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
