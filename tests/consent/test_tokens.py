"""Tokens: their form. What the store does on both databases is in test_contracts.py."""

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.tokens import TokenStore
from tests.rig import registry
from tests.rig.registry import NOW


def test_tokens_differ_and_hold_32_random_octets(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        tokens = [TokenStore(database).create("admin", None, NOW)[1] for _ in range(20)]
        assert len(set(tokens)) == 20
        assert all(re.fullmatch(r"postern_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", token) for token in tokens)
        assert len(TokenStore(database).list()) == 20


@given(st.text(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_other_text_is_a_token(tmp_path: Path, text: str) -> None:
    with registry.sqlite(tmp_path) as database:
        assert TokenStore(database).check(text) is None
