"""Reads rule cases: text files that a stranger can extend.

== what this message is
expect HDR-FROM            the codes of all findings, in order of RULES; or: expect none
mail-from bounce@acme.example        optional; `<>` is the null reverse-path
domains acme.example news.acme.example
action HDR-DATE=observe
customer brands = ["Acme"]           a key of the customer, as in customers.toml; may stand several times
credential stream = "bulk"           the same of its credential
policy addressing.visible_recipients = 10
held modem.example initech           a domain held by another customer; without one: by the operator
mode observe
outcome defer              accept, defer or reject; by default what the findings' default actions give
evidence 2 From fields     must be the evidence of the first finding
escapes                    backslash escapes (\\r \\n \\0 \\xff \\\\) in the message are read

Here the message begins; each line ends in CRLF. It ends before the next line that starts with "== ".
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from config.customers import Credential, Customer
from config.policy import Action, Policy
from consent.address import Address
from filters.engine import bind, evaluate
from filters.likeness import Holders
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
    customer: str = ""
    credential: str = ""
    policy: str = ""
    held: list[tuple[str, str]] = field(default_factory=list)
    mode: str = "enforce"
    outcome: str = ""
    evidence: str = ""
    message: bytes = b""

    def verdict(self) -> Verdict:
        """What the engine decides."""
        credential = Credential.model_validate(
            {"username": "acme-app", "password_hash": "$argon2id$x", **tomllib.loads(self.credential)}
        )
        customer = Customer.model_validate(
            {
                "id": "acme",
                "name": "Acme",
                "domains": self.domains,
                "mode": self.mode,
                "actions": self.actions,
                **tomllib.loads(self.customer),
            }
        )
        holders = Holders()
        holders.add("acme", customer.domains)
        for domain, holder in self.held:
            holders.add(holder, (domain,))
        path = None if self.mail_from == "<>" else Address.parse(self.mail_from)
        facts = Facts(NOW, customer, credential, path, (Address.parse("bob@recipient.example"),), held=holders.view)
        policy = Policy.model_validate(tomllib.loads(self.policy))
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
            elif word in ("customer", "credential", "policy"):
                setattr(case, word, f"{getattr(case, word)}{value}\n")
            elif word == "held":
                domain, _, holder = value.partition(" ")
                case.held.append((domain, holder.strip()))
            elif word == "action":
                code, _, action = value.partition("=")
                case.actions[code] = Action(action)
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
