"""The token in a domain's zone, asked of a name server."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from config.files import ConfigError
from consent.keys import Secrets
from gateway.dns import Away
from gateway.domain_token import Challenge
from tests.rig.dns import Dns


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


@pytest.fixture
def dns() -> Iterator[Dns]:
    with Dns().serving() as server:
        yield server


def test_a_record_among_others_is_found_in_one_string_or_two(challenge: Challenge, dns: Dns) -> None:
    for published in (
        f'"{challenge.text}"',
        f'"{challenge.text[:20]}" "{challenge.text[20:]}"',
        f'" {challenge.text}"',
    ):
        dns.texts(challenge.name, '"something else"', published)
        assert challenge.met((dns.address,))


@pytest.mark.parametrize("published", ['"postern-token="', '"postern-token=aaaa"', '"x"', "TWICE", '"\\255"'])
def test_another_text_is_no_proof(challenge: Challenge, dns: Dns, published: str) -> None:
    dns.texts(challenge.name, published.replace("TWICE", f'"{challenge.text}{challenge.text}"'))
    assert not challenge.met((dns.address,))


def test_the_record_of_another_name_is_no_proof(challenge: Challenge, dns: Dns) -> None:
    dns.texts("shop.example", challenge.text)
    assert not challenge.met((dns.address,))
    dns.records[challenge.name] = {"MX": ["10 mx.example."]}
    assert not challenge.met((dns.address,))


@pytest.mark.parametrize("trouble", ["SERVFAIL", "cut"])
def test_a_server_that_fails_says_nothing_about_the_token(challenge: Challenge, dns: Dns, trouble: str) -> None:
    dns.texts(challenge.name, challenge.text)
    dns.trouble[challenge.name] = trouble
    with pytest.raises(Away, match=r"the DNS did not answer for _postern-challenge\.shop\.example: \w"):
        challenge.met((dns.address,))
    dns.trouble[challenge.name] = "truncated"
    assert challenge.met((dns.address,))


def test_a_name_too_long_for_the_dns_holds_no_token(secrets: Secrets) -> None:
    long = ".".join(["a" * 60] * 4) + ".example"
    assert not Challenge.of(secrets, "acme", long).met(("127.0.0.1:9",))


def test_without_resolvers_the_systems_are_asked(challenge: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []

    def none(servers: Sequence[str], clock: object) -> None:
        asked.append(servers)
        raise ConfigError("none")

    monkeypatch.setattr("gateway.dns.Resolver", none)
    with pytest.raises(ConfigError):
        challenge.met(())
    assert asked == [("system",)]
