"""The client of a transaction."""

import pytest

from filters.model import Reply
from gateway.client import Client, Closing


@pytest.mark.parametrize(
    ("protocol", "parameters", "expected"),
    [
        ("ESMTPSA", {"SMTPUTF8": ""}, "UTF8SMTPSA"),
        ("ESMTP", {"SMTPUTF8": "", "SIZE": "3"}, "UTF8SMTP"),
        ("ESMTPSA", {"SIZE": "3"}, "ESMTPSA"),
        ("SMTP", {}, "SMTP"),
    ],
)
def test_the_protocol_of_a_message_says_smtputf8(protocol: str, parameters: dict[str, str], expected: str) -> None:
    client = Client("192.0.2.1", 25, "127.0.0.1:25", "mail.acme.example", None, protocol)
    assert client.protocol_with(parameters) == expected


def test_a_closing_that_nobody_waits_for_can_be_concluded() -> None:
    closing = Closing(Reply(250, "2.0.0", "Ok"))
    closing.conclude(False)
    assert not closing.each
