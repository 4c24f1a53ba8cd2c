"""Bounds: the waits together fit into what the client behind us allows."""

from gateway.nexthop import Bounds


def test_asking_twice_about_a_recipient_ends_within_a_clients_five_minutes() -> None:
    """RFC 5321 section 4.5.3.2.3: a client waits 5 min for the answer to RCPT."""
    bounds = Bounds()
    assert 2 * (bounds.wait + bounds.dial + bounds.envelope) < 300


def test_a_fresh_session_is_closed_before_an_mta_counts_too_many() -> None:
    assert Bounds().resets == 5
    assert Bounds().messages == 500
