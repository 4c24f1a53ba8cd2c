"""A desk whose customer has a list, a notice and an imported file: where commands about consents begin."""

from pathlib import Path

from tests.rig.cli import Desk

LISTED = ("--customer", "acme", "--list", "spring")
HEADER = "email,event_state,event_time,source_ref,ip,notice_id"
BOB, ANN, EVE = "bob@recipient.example", "ann@recipient.example", "eve@recipient.example"
ROWS = (
    f"{BOB},given,2026-01-05T10:00:00+01:00,https://acme.example/join,192.0.2.7,signup-3",
    f"{ANN},given,2026-01-06T11:00:00Z,https://acme.example/join,,",
)
"""Bob's consent reaches E2, Ann's E1."""


def prepared(folder: Path) -> Desk:
    """Customers applied, notice `signup-3` kept."""
    desk = Desk.at(folder)
    desk.done("customers", "apply", desk.customers)
    desk.done("notices", "add", "signup-3", "--customer", "acme", "--text", "Yes, send me offers.")
    return desk


def table(desk: Desk, *rows: str, name: str = "members.csv") -> str:
    """A file in the generic format; its path."""
    path = desk.folder / name
    path.write_text("\n".join((HEADER, *rows, "")))
    return str(path)


def imported(folder: Path) -> Desk:
    """And ROWS imported for the list `spring`."""
    desk = prepared(folder)
    desk.done("consent", "import", table(desk, *ROWS), *LISTED)
    return desk
