"""gateway/ledger/clusters.py; what both forms do is in tests/test_contracts_clusters.py."""

import re
from importlib.resources import files

from gateway.ledger.clusters import WINDOWS, Likeness, Reach, reduced


def test_windows_are_those_of_the_policy() -> None:
    assert [window.length for window in WINDOWS] == [86_400, 30 * 86_400, 365 * 86_400]
    assert len(WINDOWS) == len(Reach._fields)


def test_recipients_are_named_once_and_not_by_their_addresses() -> None:
    names = reduced(["ann@a.example", "bob@b.example", "ann@a.example"])
    assert len(names) == 2 and all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert reduced(["\udcff"]) != reduced([""])


def test_the_script_unpacks_likeness_in_its_order() -> None:
    script = files("gateway.ledger").joinpath("clusters.lua").read_text()
    found = re.search(r"local (alike.*?)=\s*unpack\(likeness\)", script, re.DOTALL)
    assert found and tuple(found[1].replace("\n", " ").replace(" ", "").split(",")) == Likeness._fields
