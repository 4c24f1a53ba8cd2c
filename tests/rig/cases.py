"""Reads rule cases: text files that a stranger can extend.

== what this message is
expect HDR-FROM            the codes of all findings, in order of RULES; or: expect none
mail-from bounce@acme.example        optional; `<>` is the null reverse-path
domains acme.example news.acme.example
action HDR-DATE=observe
mode observe
outcome defer              accept, defer or reject; by default what the findings' default actions give
evidence 2 From fields     must be the evidence of the first finding
rcpt-to bob@recipient.example carol@recipient.example        the recipients, where they are not bob alone
customer upstreams = ["web01.acme.example"]        a line of the customer's TOML; it may stand several times
smtputf8                   MAIL said SMTPUTF8
charset big5               what the message is encoded in; UTF-8 where nothing is said
until addressing           it does not pass yet: what must be built first
escapes                    backslash escapes (\\r \\n \\0 \\xff \\\\) in the message are read

Here the message begins; each line ends in CRLF. It ends before the next line that starts with "== ".
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.customers import Credential, Customer
from config.policy import Action, Policy
from consent.address import Address
from filters.engine import bind, evaluate
from filters.message import Message
from filters.model import Facts, Verdict

CASES = Path(__file__).parents[1] / "cases"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@dataclass
class Case:
    """One message, its context, and what the rules should say."""

    title: str
    file: str
    expect: tuple[str, ...] = ()
    mail_from: str = "bounce@acme.example"
    domains: tuple[str, ...] = ("acme.example", "news.acme.example")
    actions: dict[str, Action] = field(default_factory=dict)
    mode: str = "enforce"
    outcome: str = ""
    evidence: str = ""
    rcpt_to: str = "bob@recipient.example"
    customer: str = ""
    until: str = ""
    smtputf8: bool = False
    message: bytes = b""

    def verdict(self) -> Verdict:
        """What the engine decides."""
        credential = Credential(username="acme-app", password_hash="$argon2id$x")
        customer = Customer.model_validate(
            {"id": "acme", "name": "Acme", "domains": self.domains, "mode": self.mode, "actions": self.actions}
            | tomllib.loads(self.customer)
        )
        path = None if self.mail_from == "<>" else Address.parse(self.mail_from)
        recipients = tuple(Address.parse(recipient) for recipient in self.rcpt_to.split())
        facts = Facts(NOW, customer, credential, path, recipients)
        policy = Policy()
        return evaluate(bind(policy, customer.actions), Message(self.message), facts, policy)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file, in order; raises ValueError for a directive it does not know."""
    for block in ("\n" + path.read_text()).split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        head, _, text = rest.partition("\n\n")
        case, escapes, charset = Case(title.split("  #")[0].strip(), path.stem), False, "utf-8"
        for line in head.splitlines():
            word, _, value = line.partition(" ")
            value = value.strip()
            if word == "expect":
                case.expect = () if value == "none" else tuple(value.split())
            elif word in ("mail-from", "rcpt-to", "outcome", "evidence", "mode", "until"):
                setattr(case, word.replace("-", "_"), value)
            elif word == "domains":
                case.domains = tuple(value.split())
            elif word == "action":
                code, _, action = value.partition("=")
                case.actions[code] = Action(action)
            elif word == "customer":
                case.customer += value + "\n"
            elif word == "smtputf8":
                case.smtputf8 = True
            elif word == "charset":
                charset = value
            elif word == "escapes":
                escapes = True
            elif word and not word.startswith("#"):
                raise ValueError(f"{path.name}: {title!r}: unknown directive {word!r}")
        raw = (text.rstrip("\n") + "\n").replace("\n", "\r\n").encode(charset)
        case.message = (
            raw.decode("latin-1").encode("latin-1").decode("unicode_escape").encode("latin-1") if escapes else raw
        )
        yield case


def all_cases(folder: Path = CASES) -> list[Case]:
    """Every case of every file in a folder."""
    return [case for path in sorted(folder.glob("*.txt")) for case in read_cases(path)]


def parameters(cases: Sequence[Case]) -> list[object]:
    """Cases for `parametrize`; one that waits for something to be built must fail until it is."""
    return [
        pytest.param(
            case,
            id=f"{case.file}: {case.title}",
            marks=[pytest.mark.xfail(strict=True, reason=f"until {case.until}")] if case.until else [],
        )
        for case in cases
    ]
