"""Words of mail were kept whatever their length: 150 messages with one word of 60,000 letters each kept 36 MB, and so on
up to gigabytes. So were names and domain names of a header field."""

from filters import fingerprint, likeness, names, own
from filters.message import Message

KEY = b"of sixteen bytes"
LONG = "".join(chr(0x10400 + at % 40) for at in range(60_000))
HEAD = "From: ann@acme.example\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"


def test_words_of_a_body() -> None:
    for number in range(30):
        body = f"Dear Bob,\r\n\r\nthe garden and the two trees {LONG}{number} are as they were, thank you for your help.\r\n"
        body += f"\r\nRegards,\r\n{LONG}{number}\r\n"
        fingerprint.fingerprint(Message((HEAD + body).encode()), KEY)
    kept = [*own._HARMLESS, *fingerprint._hashes(KEY, 0)]
    assert kept and max(map(len, kept)) <= 64


def test_names_and_domains() -> None:
    for cached in (names.words, names._joined, names._core, likeness._look):
        cached.cache_clear()
    name, domain = "PayPal " + "x" * 60_000, "a" * 60_000 + ".example"
    assert names.is_brand(name, "PayPal") is names.is_brand(name + "y", "PayPal")
    assert names.holds_none(name + "z", ("PayPal",)) is False
    assert names.is_person(name, name + "y") and names.names_brand(name, "PayPal")
    assert likeness.look(domain) is likeness.look(domain + "y")
    assert likeness._look.cache_info().currsize == 1
    assert {each.cache_info().currsize for each in (names._core,)} == {1}
    assert names.words.cache_info().currsize <= 2 and names._joined.cache_info().currsize <= 2
