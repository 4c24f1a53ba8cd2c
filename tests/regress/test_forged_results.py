"""Results in our own name are removed however their authserv-id is written (RFC 8601 section 2.2: CFWS, quoted)."""

from datetime import UTC, datetime

import pytest

from filters.message import Message
from gateway.transform import Trace, change

TRACE = Trace("client.example", "192.0.2.1", "gw.example", "ESMTPA", "01", datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    "value",
    [
        b"(x) gw.example; dkim=pass",
        b'"gw.example"; dkim=pass',
        b"gw.example(x); dkim=pass",
        b"(a;b) gw.example; x",
        rb"(\)) gw.example; dkim=pass",
        b"(" * 11 + b"x" + b")" * 11 + b" gw.example; dkim=pass",
    ],
)
def test_results_that_claim_our_name_are_removed_in_every_spelling(value: bytes) -> None:
    message = Message(b"From: ann@acme.example\r\nAuthentication-Results: " + value + b"\r\n\r\nbody\r\n")
    assert change(message, TRACE, ["gw.example"]).modifications[-1] == "removed authentication-results"
