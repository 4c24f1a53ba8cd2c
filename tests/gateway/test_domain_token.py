"""The token in a domain's zone, asked of a name server."""

from pathlib import Path

import dns.rcode
import pytest

from consent.keys import Secrets
from gateway.domain_token import Challenge, DnsUnanswered
from tests.rig.txt_records import name_server


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets.load_or_create(tmp_path / "secrets.toml")


@pytest.fixture
def challenge(secrets: Secrets) -> Challenge:
    return Challenge.of(secrets, "acme", "shop.example")


def test_the_token_is_the_customers_and_the_domains_and_lasts(secrets: Secrets, challenge: Challenge) -> None:
    assert challenge == Challenge.of(secrets, "acme", "shop.example")
    others = [Challenge.of(secrets, "brand", "shop.example"), Challenge.of(secrets, "acme", "www.shop.example")]
    assert len({challenge.text, *(other.text for other in others)}) == 3
    assert challenge.record == f'_postern-challenge.shop.example. IN TXT "{challenge.text}"'


def test_other_secrets_make_other_tokens(tmp_path: Path, challenge: Challenge) -> None:
    other = Secrets.load_or_create(tmp_path / "other.toml")
    assert Challenge.of(other, "acme", "shop.example").text != challenge.text


def test_a_record_among_others_is_found_in_one_string_or_two(challenge: Challenge) -> None:
    for published in (f'"{challenge.text}"', f'"{challenge.text[:20]}" "{challenge.text[20:]}"'):
        with name_server({challenge.name: ['"something else"', published]}) as port:
            assert challenge.met((f"127.0.0.1:{port}",))


@pytest.mark.parametrize("published", ['"postern-token="', '"postern-token=aaaa"', '"x"', "TWICE"])
def test_another_text_is_no_proof(challenge: Challenge, published: str) -> None:
    published = published.replace("TWICE", f'"{challenge.text}{challenge.text}"')
    with name_server({challenge.name: [published]}) as port:
        assert not challenge.met((f"127.0.0.1:{port}",))


def test_the_record_of_another_name_is_no_proof(challenge: Challenge) -> None:
    with name_server({"shop.example": [f'"{challenge.text}"'], challenge.name: []}) as port:
        assert not challenge.met((f"127.0.0.1:{port}",))
    with name_server({"shop.example": [f'"{challenge.text}"']}) as port:
        assert not challenge.met((f"127.0.0.1:{port}",))


def test_a_server_that_fails_says_nothing_about_the_token(challenge: Challenge) -> None:
    with (
        name_server({}, dns.rcode.SERVFAIL) as port,
        pytest.raises(DnsUnanswered, match=r"for _postern-challenge\.shop\.example: "),
    ):
        challenge.met((f"127.0.0.1:{port}",))


def test_an_address_that_is_none_says_so(challenge: Challenge) -> None:
    with pytest.raises(DnsUnanswered):
        challenge.met(("resolver.example",))


def test_a_name_too_long_for_the_dns_holds_no_token(secrets: Secrets) -> None:
    long = ".".join(["a" * 60] * 4) + ".example"
    assert not Challenge.of(secrets, "acme", long).met(("127.0.0.1:9",))
