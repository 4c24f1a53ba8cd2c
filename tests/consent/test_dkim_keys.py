"""What a key says of itself. How keys are stored, on both databases: tests/test_contracts_dkim.py."""

from datetime import UTC, datetime

from consent.dkim_keys import DkimKey

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def key(public: str, **more: bytes) -> DkimKey:
    return DkimKey("acme", "acme.example", "p1", "rsa", public, "pending", NOW, **more)  # type: ignore[arg-type]


def test_a_short_record_is_one_string() -> None:
    short = key("cHVi")
    assert short.name == "p1._domainkey.acme.example"
    assert short.zone_line == 'p1._domainkey.acme.example. IN TXT "v=DKIM1; k=rsa; p=cHVi"'


def test_a_long_record_is_split_where_dns_needs_it() -> None:
    long = key("x" * 600)
    assert [len(each) for each in long.strings] == [255, 255, 108]
    assert "".join(long.strings) == long.record
    first, second, third = long.strings
    assert long.zone_line == f'p1._domainkey.acme.example. IN TXT ( "{first}" "{second}" "{third}" )'


def test_it_shows_nothing_private() -> None:
    assert "sealed octets" not in repr(key("cHVi", sealed=b"sealed octets"))
