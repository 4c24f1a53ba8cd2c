"""An address stopped by the hash of it with its domain in its own script was let through when mail named the A-label."""

import hashlib
from pathlib import Path

import pytest

from consent.address import Address
from consent.imports.row import Hashed
from consent.store import ConsentStore
from tests.rig.consents import entry, withdrawn
from tests.rig.registry import secrets, sqlite


@pytest.mark.parametrize("filed", ["ann@bücher.example", "ann@xn--bcher-kva.example"])
def test_a_hash_stops_the_address_however_its_domain_is_written(tmp_path: Path, filed: str) -> None:
    hashed = Hashed("sha256", hashlib.sha256(filed.encode()).hexdigest())
    written = [
        "Ann@xn--bcher-kva.example",
        "ann@XN--BCHER-KVA.example",
        "ann@Bücher.example",
        "ann@bu\u0308cher.example",
    ]
    with sqlite(tmp_path) as database:
        store = ConsentStore(database, secrets(tmp_path))
        store.append("acme", [entry(hashed, withdrawn())])
        known = store.known("acme", [Address.parse(text) for text in written])
        store.close()
    assert [len(each.own.withdrawals) for each in known] == [1, 1, 1, 1]


def test_a_label_that_is_no_punycode_is_taken_as_it_is() -> None:
    assert Address.parse("ann@xn--99999999.example").spellings == ("ann@xn--99999999.example",)
