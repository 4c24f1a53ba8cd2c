"""Customers as rows: what a file does not say is not stored."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from consent import customer_rows
from tests.rig import registry
from tests.rig.registry import NOW, customer


def test_only_what_differs_from_the_defaults_is_stored(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        registry.store(database).apply([customer("acme")], NOW)
        with database.reading() as connection:
            document = connection.execute(text("SELECT document FROM customers")).scalar_one()
            credential = connection.execute(text("SELECT document FROM credentials")).scalar_one()
    assert json.loads(document) == {"name": "Acme", "domains": ["acme.example"]}
    assert json.loads(credential) == {"username": "acme-app"}


def test_an_unreadable_customer_is_left_out_only_when_asked(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        registry.store(database).apply([customer("acme"), customer("brand")], NOW)
        with database.writing() as connection:
            connection.execute(text("UPDATE credentials SET document = '{\"password\": 1}' WHERE customer = 'acme'"))
        with database.reading() as connection:
            assert list(customer_rows.load(connection, skip_unreadable=True)) == ["brand"]
            with pytest.raises(customer_rows.Unreadable, match="customer 'acme': password") as caught:
                customer_rows.load(connection)
            assert "apply the customer" in str(caught.value)


def test_ids_come_in_portions() -> None:
    assert [len(part) for part in customer_rows.batches(["x"] * 1001)] == [500, 500, 1]
    assert list(customer_rows.batches([])) == []
