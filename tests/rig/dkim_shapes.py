"""Messages of every shape that a gateway may be handed, made from a number; and how they leave it, signed."""

import random
from collections.abc import Sequence
from datetime import datetime

from filters.message import Message
from gateway.sign import SigningKey, sign
from gateway.transform import Trace, change

DOMAIN = "acme.example"
_WORDS = (b"offer lunch invoice report Gr\xc3\xbc\xc3\x9fe \xe6\x97\xa5\xe6\x9c\xac meeting =?utf-8?q?caf=C3=A9?= 50% a_b "
          b"Re: (x) \"q\" v=1; a=b . .. --").split()  # fmt: skip
_MAYBE = (
    b"Cc", b"Reply-To", b"Sender", b"In-Reply-To", b"References", b"MIME-Version", b"Content-Type",
    b"Content-Transfer-Encoding", b"Content-Language", b"List-Id", b"List-Unsubscribe", b"List-Unsubscribe-Post",
    b"List-Help", b"Feedback-ID", b"X-Mailer", b"Auto-Submitted", b"Precedence", b"Resent-From", b"Resent-Date",
    b"Received", b"Bcc", b"Return-Path", b"Comments", b"Keywords", b"X-Empty", b"Authentication-Results", b"Date",
    b"Message-ID", b"Subject", b"To",
)  # fmt: skip
_MANY = (b"Received", b"Resent-From", b"Resent-Date", b"Comments", b"Keywords", b"References", b"X-Empty", b"Bcc")
_FOLDS = (b"\r\n ", b"\r\n\t", b"\r\n  \t ", b" \r\n ")


def shape(number: int, largest: int = 300_000) -> bytes:
    """Message `number`, the same each time: CRLF, one From at DOMAIN, and else anything."""
    chance = random.Random(number)
    names = [b"From"]
    for name in _MAYBE:
        if chance.random() < 0.45:
            names += [name] * (chance.randint(2, 4) if name in _MANY and chance.random() < 0.3 else 1)
    chance.shuffle(names)
    head = b"".join(_field(chance, name) for name in names)
    if chance.random() < 0.02:
        return head  # no blank line, no body
    return head + b"\r\n" + _body(chance, largest)


def _field(chance: random.Random, name: bytes) -> bytes:
    written = chance.choice((name, name, name, name.lower(), name.upper()))
    colon = chance.choice((b": ", b": ", b":", b":  ", b":\t", b":\r\n "))
    if name == b"From":
        return written + colon + b"Ann <ann@" + DOMAIN.encode() + b">" + chance.choice((b"", b" ", b"\t")) + b"\r\n"
    if name == b"Authentication-Results":
        return written + colon + chance.choice((b"gw.example; none", b"other.example; none")) + b"\r\n"
    if name == b"X-Empty" or chance.random() < 0.03:
        return written + b":" + chance.choice((b"", b" ", b" \t")) + b"\r\n"
    words = [chance.choice(_WORDS) for _ in range(chance.choice((1, 3, 8, 40)))]
    value = words[0]
    for word in words[1:]:
        value += chance.choice((b" ", b" ", b"  ", b"\t", *_FOLDS)) + word
    return written + colon + value + chance.choice((b"", b"", b" ", b" \t ")) + b"\r\n"


def _body(chance: random.Random, largest: int) -> bytes:
    kind = chance.randrange(12)
    if kind == 0:
        return chance.choice((b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n", b"\t\r\n \r\n"))
    if kind == 1:
        return b"x" * chance.randint(990, 5000) + chance.choice((b"\r\n", b" \r\n", b"\t \r\n\r\n"))
    if kind == 2 and chance.random() < 0.3:
        return b"QUJD" * 19 * chance.randint(1, largest // 76) + b"\r\n"
    lines = [_line(chance) for _ in range(chance.choice((1, 5, 30, 200)))]
    return b"\r\n".join(lines) + b"\r\n" * chance.choice((1, 1, 2, 5))


def _line(chance: random.Random) -> bytes:
    words = [chance.choice(_WORDS) for _ in range(chance.randint(0, 12))]
    gaps = (b" ", b" ", b"  ", b"\t", b" \t ")
    line = b"".join(word + chance.choice(gaps) for word in words)
    start = chance.choice((b"", b"", b"", b" ", b".", b"..", b"\t", b"From "))
    return start + (line if chance.random() < 0.4 else line.rstrip())


def sent(raw: bytes, keys: Sequence[SigningKey], now: datetime) -> bytes:
    """What goes to the next hop: changed on the way through, then signed."""
    message = Message(raw)
    trace = Trace("client.example", "192.0.2.1", "gw.example", "ESMTPSA", "01KAGV0000AAAAAAAAAAAAAAA1", now, b"key")
    made = change(message, trace, ("gw.example",))
    header = Message(made.head + raw[made.keep_from : message.body_start])
    return sign(keys, header.fields, raw, message.body_start, now) + made.head + raw[made.keep_from :]
