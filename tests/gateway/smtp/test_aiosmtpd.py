"""aiosmtpd's private names that the session stands on, and the traps of its that must stay closed.

aiosmtpd is pinned. When a newer one moves something, a test here fails before any mail does.
"""

import asyncio
import inspect
from importlib.metadata import version

import pytest
from aiosmtpd.smtp import SMTP

from gateway.smtp.connection import Connection
from gateway.smtp.session import Session


def test_the_pinned_version_is_installed() -> None:
    assert version("aiosmtpd") == "1.4.6"


@pytest.mark.parametrize(
    "name", ["_handle_client", "_cb_client_connected", "_create_session", "_create_envelope", "_set_rset_state", "_set_post_data_state",
             "_reset_timeout", "_timeout_cb", "connection_made", "connection_lost", "eof_received"]
)  # fmt: skip
def test_the_names_we_use_and_override_exist(name: str) -> None:
    assert callable(getattr(SMTP, name))


def test_flow_control_is_where_we_expect_it() -> None:
    assert inspect.iscoroutinefunction(asyncio.StreamReaderProtocol._drain_helper)  # type: ignore[attr-defined]


def test_what_connection_made_needs_is_set_by_our_init() -> None:
    used = {"_original_transport", "_timeout_handle", "_timeout_duration", "transport", "session", "envelope", "loop"}
    source = inspect.getsource(Connection.__init__)
    assert all(f"self.{name}" in source for name in used)
    for method in (SMTP.connection_made, SMTP._reset_timeout, SMTP._set_rset_state, SMTP._create_session):
        named = {
            word.removeprefix("self.")
            for word in inspect.getsource(method).replace("(", " ").split()
            if word.startswith("self._")
        }
        ours = (
            used
            | set(dir(Session))
            | {"_tls_handshake_okay", "_tls_protocol", "_handle_hooks", "_handler_coroutine", "_reader", "_writer"}
        )
        assert {name.rstrip("),:").partition(".")[0].partition("[")[0] for name in named} <= ours | {
            "_timeout_handle.cancel"
        }


@pytest.mark.parametrize("name", [name for name in vars(SMTP) if name.startswith("smtp_")])
def test_every_command_of_aiosmtpds_is_overridden(name: str) -> None:
    assert name in vars(Session)


def test_a_lost_connection_cancels_nothing() -> None:
    assert "cancel()" in inspect.getsource(SMTP.connection_lost)
    assert "_handler_coroutine" not in inspect.getsource(Connection.connection_lost)
    assert "_handler_coroutine" not in inspect.getsource(Connection.eof_received)
