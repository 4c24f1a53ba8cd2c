"""Reads rule cases: text files that a stranger can extend.

== what this message is
expect HDR-FROM            the codes of all findings, in order of RULES; or: expect none
mail-from bounce@acme.example        optional; `<>` is the null reverse-path
domains acme.example news.acme.example
action HDR-DATE=observe
mode observe
smtputf8                   MAIL said SMTPUTF8
outcome defer              accept, defer or reject; by default what the findings' default actions give
evidence 2 From fields     must be the evidence of the first finding
escapes                    backslash escapes (\\r \\n \\0 \\xff \\\\) in the message are read

Here the message begins; each line ends in CRLF. It ends before the next line that starts with "== ".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

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
    smtputf8: bool = False
    message: bytes = b""

    def verdict(self) -> Verdict:
        """What the engine decides."""
        credential = Credential(username="acme-app", password_hash="$argon2id$x")
        customer = Customer.model_validate(
            {"id": "acme", "name": "Acme", "domains": self.domains, "mode": self.mode, "actions": self.actions}
        )
        path = None if self.mail_from == "<>" else Address.parse(self.mail_from)
        facts = Facts(
            NOW, customer, credential, path, (Address.parse("bob@recipient.example"),), smtputf8=self.smtputf8
        )
        policy = Policy()
        return evaluate(bind(policy, customer.actions), Message(self.message), facts, policy)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file, in order; raises ValueError for a directive it does not know."""
    for block in ("\n" + path.read_text()).split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        head, _, text = rest.partition("\n\n")
        case, escapes = Case(title.split("  #")[0].strip(), path.stem), False
        for line in head.splitlines():
            word, _, value = line.partition(" ")
            value = value.strip()
            if word == "expect":
                case.expect = () if value == "none" else tuple(value.split())
            elif word in ("mail-from", "outcome", "evidence", "mode"):
                setattr(case, word.replace("-", "_"), value)
            elif word == "domains":
                case.domains = tuple(value.split())
            elif word == "action":
                code, _, action = value.partition("=")
                case.actions[code] = Action(action)
            elif word == "smtputf8":
                case.smtputf8 = True
            elif word == "escapes":
                escapes = True
            elif word and not word.startswith("#"):
                raise ValueError(f"{path.name}: {title!r}: unknown directive {word!r}")
        raw = (text.rstrip("\n") + "\n").replace("\n", "\r\n").encode("utf-8")
        case.message = (
            raw.decode("latin-1").encode("latin-1").decode("unicode_escape").encode("latin-1") if escapes else raw
        )
        yield case


def all_cases() -> list[Case]:
    """Every case of every file."""
    return [case for path in sorted(CASES.glob("*.txt")) for case in read_cases(path)]
