"""Networks that many organisations share identify nobody."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.shared_networks import SharedNetworks

SHIPPED = SharedNetworks.shipped()


@pytest.mark.parametrize(
    ("network", "who"),
    [
        ("40.107.1.2/32", "Microsoft 365"),
        ("209.85.220.41/32", "Google Workspace"),
        ("54.240.8.1/32", "Amazon SES"),
        ("149.72.126.143/32", "SendGrid"),
        ("69.72.36.213/32", "Mailgun"),
        ("198.2.130.0/24", "Mailchimp"),
        ("147.253.215.24/32", "SparkPost"),
        ("50.31.156.100/32", "Postmark"),
        ("185.41.28.7/32", "Brevo"),
        ("13.111.1.1/32", "Salesforce"),
        ("136.143.188.15/32", "Zoho"),
        ("67.231.152.9/32", "Proofpoint"),
        ("207.211.31.120/32", "Mimecast"),
        ("17.58.6.41/32", "iCloud"),
        ("66.163.184.7/32", "Yahoo"),
        ("104.30.1.1/32", "Cloudflare"),
        ("100.64.9.0/24", "carrier-grade NAT"),
        ("2a01:111:f403::/64", "Microsoft 365"),
        ("2607:f8b0:4864:20::/64", "Google Workspace"),
    ],
)
def test_well_known_senders_are_refused_by_name(network: str, who: str) -> None:
    refusal = SHIPPED.refusal(network)
    assert refusal is not None
    assert f", {who}" in refusal
    assert refusal.endswith("use a username and password")


@pytest.mark.parametrize(
    "network",
    ["192.0.2.0/24", "203.0.113.7/32", "10.1.0.0/16", "127.0.0.0/8", "127.0.0.1/32", "::1/128", "2001:db8::/32"],
)
def test_a_customer_s_own_servers_are_not(network: str) -> None:
    assert SHIPPED.refusal(network) is None


@pytest.mark.parametrize("network", ["10.0.0.0/8", "0.0.0.0/0", "192.0.0.0/15", "::/0", "2001:db8::/31"])
def test_what_no_single_customer_needs_is_too_wide(network: str) -> None:
    assert "is wider than /" in (SHIPPED.refusal(network) or "")


def test_a_network_that_holds_a_shared_one_is_told_which_part_to_leave_out() -> None:
    assert "104.245.0.0/16 holds 104.245.209.192/26, Postmark" in (SHIPPED.refusal("104.245.0.0/16") or "")


@given(st.sampled_from(SHIPPED.entries), st.data())
def test_every_address_of_every_entry_is_refused(entry: object, data: st.DataObject) -> None:
    network = getattr(entry, "network")  # noqa: B009
    offset = data.draw(st.integers(0, network.num_addresses - 1))
    assert SHIPPED.refusal(str(ipaddress.ip_network(network[offset]))) is not None


def test_every_entry_says_who_why_and_where_from() -> None:
    import tomllib

    path = Path(__file__).parents[2] / "consent" / "shared_networks.toml"
    for table in tomllib.loads(path.read_text())["shared"]:
        assert set(table) == {"who", "why", "source", "networks"}
        assert all(isinstance(table[name], str) and table[name] for name in ("who", "why", "source"))
        assert [str(ipaddress.ip_network(each)) for each in table["networks"]] == table["networks"]
