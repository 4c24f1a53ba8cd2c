"""Keyed is HMAC-SHA-256."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from consent.keyed import Keyed


@given(st.binary(max_size=200), st.lists(st.binary(max_size=5000), max_size=3))
def test_it_is_what_the_library_says(key: bytes, messages: list[bytes]) -> None:
    keyed = Keyed(key)
    for message in messages:
        assert keyed.digest(message) == hmac.digest(key, message, "sha256")
