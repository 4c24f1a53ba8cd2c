"""Two instances of Postfix in a row, as end-to-end tests use them."""

import random
import smtplib
from hashlib import sha256

import pytest

from tests.rig.postfix import PostfixInstance, client_of, relay_to
from tests.rig.processes import RigError, free_port, wait_until
from tests.rig.sink import Mood, Sink

pytestmark = pytest.mark.postfix


def test_mail_passes_two_instances_once_and_unchanged() -> None:
    draw = random.Random(1)
    sent: dict[str, tuple[bytes, str]] = {}
    with (
        Sink() as sink,
        PostfixInstance("server", free_port(), relay_to(sink.port)) as server,
        PostfixInstance("client", free_port(), client_of(server.port)) as client,
        smtplib.SMTP("127.0.0.1", client.port) as session,
    ):
        for number in range(100):
            header = f"Message-ID: <{number}@x.example>\r\nFrom: a@x.example\r\nBcc-not: {'w ' * 600}\r\n".encode()
            body = b"".join(
                b"." * draw.randint(0, 2) + draw.randbytes(draw.randint(0, 2000)).hex().encode() + b"\r\n"
                for _ in range(9)
            )
            sent[f"<{number}@x.example>"] = (header, sha256(body).hexdigest())
            session.sendmail("a@x.example", [f"b{number}@y.example"], header + b"\r\n" + body)
        client.wait_empty()
        server.wait_empty()
        assert client.statuses() == server.statuses() == {"sent": 100}

        sink.mood = Mood.CUT_AFTER_DOT
        session.sendmail("a@x.example", ["b@y.example"], b"Message-ID: <cut@x.example>\r\n\r\nx\r\n")
        wait_until(lambda: server.statuses()["deferred"] >= 1, 120, "an attempt has met the sink's mood")
        assert len(server.queue_ids()) == 1
        sink.mood = Mood.WELL
        server.flush()
        server.wait_empty()
    arrivals = [arrival for arrival in sink.arrivals() if arrival.message_id != "<cut@x.example>"]
    assert sorted(arrival.message_id for arrival in arrivals) == sorted(sent)
    for arrival in arrivals:
        header, digest = sent[arrival.message_id]
        assert arrival.header.endswith(header)
        assert arrival.body_sha256 == digest
    with pytest.raises(RigError):
        _ = client.folder
