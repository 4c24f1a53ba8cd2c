"""The mail of `make soak`: who sends, to whom, what, and what must become of it. All of a message follows from its number.

Recipients say by their names what is on file of them: `reader` has consented to the list, `stranger` has not, to `person`
one writes personally.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.postern import PASSWORD

LIST = "spring"
READERS = 4000
"""People who have consented, to each customer that sends bulk mail."""
STRANGERS = 200
"""People who have not, and whom these customers write to all the same."""
PERSONS = 5000
"""People whom others write to. A node keeps the keys of 100,000 addresses in memory (`consent.subjects`), about 1 KB each
with what else it keeps of them: there are so few that it has met most in ten minutes, and what still grows then is
something else."""
SHARES = {"one": 48, "several": 14, "large": 3, "bulk": 24, "refused": 8, "capped": 3}
"""Kind of message -> percent of all: to one person, to several, of 200 KB, bulk mail, mail that a rule refuses, mail of
a customer that asks for more than its limit."""
ROOM = 0.7
"""Of what the customer with the limit asks for, how much its limit lets pass."""
_CONSONANTS, _VOWELS = "bcdfghklmnprstvw", "aeiou"
_REFUSED = (("author", "550 5.7.1"), ("authors", "554 5.6.0"), ("path", "550 5.7.1"), ("results", "550 5.7.1"))


def _words() -> list[str]:
    draw = random.Random("soak")
    return [
        "".join(draw.choice(_CONSONANTS) + draw.choice(_VOWELS) for _ in range(draw.randint(1, 4))) for _ in range(4096)
    ]


WORDS = _words()


@dataclass(frozen=True, slots=True)
class Sender:
    """A customer, by its one credential."""

    name: str
    kinds: tuple[str, ...]
    """Of the messages it sends."""
    network: int = 0
    """Known by 127.<network>.1.0/24; 0: by AUTH."""
    signed: bool = False
    """Has a DKIM key."""

    @property
    def domain(self) -> str:
        """Of its mail."""
        return f"{self.name}.example"

    def written(self, limits: dict[str, int]) -> dict[str, Any]:
        """As in customers.toml; `limits` of the one that has any."""
        known: dict[str, Any] = (
            {"networks": [f"127.{self.network}.1.0/24"]}
            if self.network
            else {"username": self.name, "password": PASSWORD}
        )
        bulk = {"stream": "bulk", "list": LIST} if "bulk" in self.kinds else {"stream": "auto"}
        return {
            "id": self.name, "name": f"{self.name} Ltd", "postal_address": "1 High Street, Exampletown",
            "contact": f"postmaster@{self.domain}", "domains": [self.domain], "profiles": ["us"],
            "unsubscribe_hosts": [f"www.{self.domain}"], "credentials": [known | bulk],
            "limits": limits if "capped" in self.kinds else {},
        }  # fmt: skip


PERSONAL = ("one", "several", "large", "refused")
SENDERS = (
    Sender("alpha", PERSONAL, signed=True),
    Sender("bravo", PERSONAL, network=2),
    Sender("charlie", PERSONAL, network=3, signed=True),
    Sender("delta", PERSONAL),
    Sender("news", ("bulk",), signed=True),
    Sender("offers", ("bulk",), network=6),
    Sender("quota", ("capped",), network=7),
    Sender("quiet", PERSONAL, network=8, signed=True),
)
BULK = [each for each in SENDERS if "bulk" in each.kinds]


@dataclass(slots=True)
class Message:
    """One message, and whom it has not reached yet."""

    number: int
    kind: str
    sender: Sender
    path: str
    waiting: list[str]
    """Recipients that were neither taken nor refused for good."""
    content: bytes
    """As DATA, with its end mark."""
    expected: str = ""
    """Code and enhanced code with which it must be refused; empty: it must pass."""
    tries: int = 0
    node: int = -1
    """That it was last tried at."""


def draw(number: int, date: str) -> Message:
    """Message `number`; `date` is its Date."""
    chance = random.Random(number)
    kind = chance.choices(list(SHARES), list(SHARES.values()))[0]
    sender = chance.choice([each for each in SENDERS if kind in each.kinds])
    path, expected = f"ann@{sender.domain}", ""
    author, more = path, ""
    if kind == "bulk":
        recipients = list(dict.fromkeys(_reader(chance) for _ in range(chance.choice((1, 1, 1, 2, 5)))))
        more, body = _bulk(sender, chance)
    else:
        count = chance.randint(2, 10) if kind == "several" else 1
        recipients = [f"person{n}@r{n % 40}.example" for n in chance.sample(range(PERSONS), count)]
        body = text(chance, {"large": 200_000, "several": 4000}.get(kind, 1700))
    if kind == "refused":
        how, expected = chance.choice(_REFUSED)
        path = "ann@stranger.example" if how == "path" else path
        author = "ann@stranger.example" if how == "author" else author
        more = {"authors": f"From: eve@{sender.domain}\r\n", "results": f"Authentication-Results: {_forged()}\r\n"}.get(
            how, ""
        )
    head = (
        f"Message-ID: <{number}@{sender.domain}>\r\nX-Soak: {number}\r\nDate: {date}\r\nFrom: Ann <{author}>\r\n"
        f"To: {recipients[0]}\r\nSubject: {' '.join(chance.choices(WORDS, k=6))}\r\n{more}"
    )
    return Message(number, kind, sender, path, recipients, f"{head}\r\n{body}\r\n.\r\n".encode(), expected)


def _forged() -> str:
    return "gw.example; spf=pass smtp.mailfrom=ann@stranger.example"


def _reader(chance: random.Random) -> str:
    """Somebody that bulk mail is sent to; one in twenty has no ground."""
    who, many = ("stranger", STRANGERS) if chance.random() < 0.05 else ("reader", READERS)
    return f"{who}{chance.randrange(many)}@people.example"


def readers() -> Iterator[str]:
    """All who have consented."""
    return (f"reader{number}@people.example" for number in range(READERS))


def text(chance: random.Random, octets: int) -> str:
    """Lines of words, about so long; no two alike."""
    words = chance.choices(WORDS, k=octets // 6)
    return "\r\n".join(" ".join(words[at : at + 11]) for at in range(0, len(words), 11))


def _bulk(sender: Sender, chance: random.Random) -> tuple[str, str]:
    """Fields and body that lack nothing."""
    link = f"https://www.{sender.domain}/u/{chance.getrandbits(64):016x}"
    fields = (
        f"List-Id: <{LIST}.{sender.domain}>\r\nList-Unsubscribe: <{link}>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
    foot = f"{sender.name} Ltd, 1 High Street, Exampletown, +1 555 0100\r\nUnsubscribe: {link}"
    return fields, f"{text(chance, 2500)}\r\n\r\n{foot}"


def write_consents(path: Path) -> None:
    """A file of the generic format with a consent of each reader."""
    with path.open("w") as file:
        file.write("email,event_state,event_time,collection_method,source_ref,ip,notice_id\n")
        for number, address in enumerate(readers()):
            at = f"2026-0{1 + number % 9}-{1 + number % 28:02}T{number % 24:02}:{number // 24 % 60:02}:00Z"
            ip = f"{1 + number % 9}.{number // 9 % 250}.{number // 2250 % 250}.{number % 251}"
            file.write(f"{address},given,{at},web_form,https://www.news.example/join,{ip},n1\n")
