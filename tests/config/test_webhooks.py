"""A customer's webhook: only a URL that a signed request can be sent to as it stands."""

import pytest
from pydantic import ValidationError

from config.webhooks import Webhook


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://hooks.acme.example/postern?key=a%20b", "hooks.acme.example", 443),
        ("https://hooks.acme.example:8443", "hooks.acme.example", 8443),
        ("https://[2001:db8::1]/x", "2001:db8::1", 443),
        ("HTTPS://192.0.2.1/", "192.0.2.1", 443),
    ],
)
def test_host_and_port_of_a_url(url: str, host: str, port: int) -> None:
    webhook = Webhook(url=url)
    assert (webhook.url, webhook.host, webhook.port) == (url, host, port)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.acme.example/", "must start with https://"),
        ("hooks.acme.example", "must start with https://"),
        ("https://", "names no host"),
        ("https:///path", "names no host"),
        ("https://hooks.acme.example:0/", "names no host"),
        ("https://hooks.acme.example:70000/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
        ("https://ann:secret@hooks.acme.example/", "holds a user or password"),
        ("https://hooks.acme.example/#x", "holds a fragment"),
        ("https://hooks.acme.example/a b", "white space"),
        ("https://hooks.acme.example/\r\nX: y", "white space"),
        ("https://hooks.acme.example\\@evil.example/", "white space"),
        ("https://bücher.example/", "printable ASCII"),
        ("https://-hooks.example/", "names no host"),
        (f"https://hooks.acme.example/{'x' * 2000}", "at most 2000"),
    ],
)
def test_a_url_that_is_none_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Webhook(url=url)


def test_the_url_is_not_in_what_is_logged() -> None:
    assert "T0PSECRET" not in repr(Webhook(url="https://hooks.acme.example/T0PSECRET"))
