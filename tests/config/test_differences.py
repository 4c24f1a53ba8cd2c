"""Settings that differ are named as the operator writes them."""

from typing import Any

import pytest

from config.differences import differences
from config.settings import Settings

BASE: dict[str, Any] = {
    "hostname": "gw.example",
    "smtp": {"listeners": [{"address": "127.0.0.1:25"}, {"address": "127.0.0.1:26"}]},
    "next_hops": [{"name": "default", "addresses": ["127.0.0.1:2526"]}],
}


def names(**changes: Any) -> list[str]:
    return differences(Settings(**BASE), Settings(**{**BASE, **changes}))


def test_what_is_the_same_is_no_difference() -> None:
    assert names() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hostname": "other.example", "limits": {"connections": 5}}, ["hostname", "limits.connections"]),
        (
            {"smtp": {"listeners": [{"address": "127.0.0.1:25"}, {"address": "[::1]:26"}]}},
            ["smtp.listeners[1].address"],
        ),
        ({"smtp": {"listeners": [{"address": "127.0.0.1:25"}]}}, ["smtp.listeners"]),
        ({"next_hops": [{"name": "default", "addresses": ["127.0.0.1:1"]}]}, ["next_hops[0].addresses"]),
        ({"registry": {"url": "postgresql://a:hush@b/c"}}, ["registry.url"]),
        ({"operator": {"domains": ["a.example"]}}, ["operator.domains"]),
    ],
)
def test_each_difference_is_named(changes: dict[str, Any], expected: list[str]) -> None:
    assert names(**changes) == expected
