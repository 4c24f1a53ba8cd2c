"""Statuses: what one word about a contact comes to."""

import pytest

from consent.imports.row import Context, ImportRefused, Row
from consent.imports.statuses import Means, Statuses
from consent.model import State

STATUSES = Statuses(
    title="Some: contacts",
    family="some",
    address=("email",),
    status=("status",),
    since=("joined", "created"),
    left=("left",),
    ip=("ip",),
    source=("source",),
    means={
        "in": Means.CONSENTED,
        "asked": Means.ASKED,
        "out": Means.LEFT,
        "spam": Means.COMPLAINED,
        "bounced": Means.BOUNCED,
        "held": Means.NOTHING,
    },
    everything=False,
    zoned=True,
    permission=("permission",),
    permitted=frozenset({"yes"}),
)
CONTEXT = Context(import_id="01I", list="news", party="acme", recorded=1_800_000_000_000_000, actor="a", notice="n")
HEADER = ["email", "status", "permission", "created", "left", "ip", "source"]
MAY = "2024-05-01T10:00:00Z"


def outcome(*cells: str) -> list[str]:
    """What a row comes to: states, or "error"."""
    read = STATUSES.reader(HEADER, CONTEXT)
    return [each.event.state.value if isinstance(each, Row) else "error" for each in read(["a@b.example", *cells], 2)]


@pytest.mark.parametrize(
    ("cells", "states"),
    [
        (("in", "yes", MAY), [State.GIVEN]),
        ((" IN ", "YES", MAY), [State.GIVEN]),
        (("in", "no", MAY), ["error"]),
        (("in", "yes", ""), ["error"]),
        (("in", "yes", MAY, MAY), [State.WITHDRAWN, State.GIVEN]),
        (("in", "yes", "", MAY), [State.WITHDRAWN, "error"]),
        (("in", "yes", MAY, "0000-00-00"), [State.GIVEN]),
        (("in", "out", MAY), [State.WITHDRAWN]),
        (("asked", "", MAY), [State.REQUESTED]),
        (("out", "yes", MAY), [State.WITHDRAWN]),
        (("spam", "yes", MAY), [State.WITHDRAWN]),
        (("bounced", "yes", MAY), [State.SUPPRESSED]),
        (("held", "yes", MAY), ["error"]),
        (("held", "yes", MAY, MAY), [State.WITHDRAWN]),
        (("never heard of", "yes", MAY), ["error"]),
        (("never heard of", "yes", MAY, MAY), [State.WITHDRAWN]),
    ],
)
def test_what_a_status_comes_to(cells: tuple[str, ...], states: list[str]) -> None:
    assert outcome(*cells) == states


def test_where_the_file_has_no_permissions_a_status_is_enough() -> None:
    read = STATUSES.reader(["email", "status", "joined"], CONTEXT)
    (row,) = read(["a@b.example", "in", MAY], 2)
    assert isinstance(row, Row)
    assert (row.event.state, row.event.grade, row.event.source) == (State.GIVEN, 1, "Some")


@pytest.mark.parametrize("header", [["email", "joined"], ["status", "joined"]])
def test_without_an_address_or_a_status_the_file_is_refused(header: list[str]) -> None:
    with pytest.raises(ImportRefused):
        STATUSES.reader(header, CONTEXT)
