"""`exempt add " hdr-date "` made an exemption that `exempt remove` did not find under the same name."""

from datetime import timedelta
from pathlib import Path

from gateway.cli.context import utc_now
from tests.rig.cli import Desk


def test_what_was_added_is_removed_by_the_same_words(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    desk.done("customers", "apply", desk.customers)
    day = f"{utc_now() + timedelta(days=30):%Y-%m-%d}"
    desk.done("exempt", "add", " hdr-date ", "--customer", "acme", "--until", day, "--reason", "printer")
    desk.done("exempt", "remove", " hdr-date ", "--customer", "acme", "--reason", "replaced")
