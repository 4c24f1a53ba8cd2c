"""Whether a key's record is there, asked of a real resolver."""

from datetime import UTC, datetime

import pytest

from consent.dkim_keys import Algorithm, DkimKey
from gateway.dkim_record import published
from gateway.sign import generate
from tests.rig.dns import Dns


def key(algorithm: Algorithm = "rsa") -> DkimKey:
    public = generate(algorithm)[1]
    return DkimKey("acme", "acme.example", "p1", algorithm, public, "pending", datetime(2026, 11, 20, tzinfo=UTC))


RSA, ED25519 = key(), key("ed25519")


@pytest.mark.parametrize("made", [RSA, ED25519], ids=["rsa", "ed25519"])
@pytest.mark.parametrize(
    ("records", "answer"),
    [
        (["{record}"], "there"),
        ([" v=DKIM1 ;k={k}; t=y; n=note; p={spaced} ;"], "there"),
        (["k={k}; p={p}"], "there"),
        (["v=DKIM1; k={k}; h=sha1:sha256; s=email:*; p={p}"], "there"),
        (["unrelated", "{record}"], "there"),
        ([], "missing"),
        (["v=spf1 -all"], "missing"),
        (["v=DKIM1; k={k}; p="], "another"),
        (["v=DKIM1; k={k}; p=AAAA"], "another"),
        (["v=DKIM1; k={k}; h=sha1; p={p}"], "another"),
        (["v=DKIM1; k={k}; s=tlsrpt; p={p}"], "another"),
        (["v=DKIM1; k=other; p={p}"], "another"),
        (["v=DKIM2; k={k}; p={p}"], "another"),
        (["v=DKIM1; k={k}; p=AAAA", "{record}"], "another"),
    ],
)
def test_what_the_dns_holds(made: DkimKey, records: list[str], answer: str) -> None:
    spaced = f"{made.public[:20]} {made.public[20:]}"
    with Dns().serving() as dns:
        texts = [each.format(record=made.record, k=made.algorithm, p=made.public, spaced=spaced) for each in records]
        dns.texts(made.name, *texts)
        assert published(made, [dns.address]) == answer


def test_a_name_that_is_not_there_and_one_that_is_not_answered() -> None:
    with Dns().serving() as dns:
        assert published(RSA, [dns.address]) == "missing"
        dns.trouble[RSA.name] = "SERVFAIL"
        assert published(RSA, [dns.address]) == "no answer"
