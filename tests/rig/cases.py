"""Reads rule cases: text files that a stranger can extend.

== what this message is
expect HDR-FROM            the codes of all findings, in order of RULES; or: expect none
mail-from bounce@acme.example        optional; `<>` is the null reverse-path
domains acme.example news.acme.example
forwarding                 the credential has it
forwarded-calendars        the customer has it
upstreams mail.host.example
signature 1 pass example.org; of mail.example.org; signs from sender; unsigned 5; expires 1700000000
                           what verifying a DKIM-Signature gave: number, result (`no-key` with hyphen) and d=, then where
                           it is so, the domains it speaks for, fields it signs, octets behind l=, and x=
action HDR-DATE=observe
mode observe
outcome defer              accept, defer or reject; by default what the findings' default actions give
evidence 2 From fields     must be the evidence of the first finding
escapes                    backslash escapes (\\r \\n \\0 \\xff \\\\) in the message are read

Here the message begins; each line ends in CRLF. It ends before the next line that starts with "== ".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from config.customers import Credential, Customer
from config.policy import Action, Policy
from consent.address import Address
from filters.engine import bind, evaluate
from filters.message import Message
from filters.model import Facts, Verdict, Verification, Verified

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
    message: bytes = b""
    forwarding: bool = False
    forwarded_calendars: bool = False
    upstreams: tuple[str, ...] = ()
    signatures: tuple[Verified, ...] | None = None

    def verdict(self) -> Verdict:
        """What the engine decides."""
        credential = Credential(username="acme-app", password_hash="$argon2id$x", forwarding=self.forwarding)
        customer = Customer.model_validate(
            {
                "id": "acme",
                "name": "Acme",
                "domains": self.domains,
                "mode": self.mode,
                "actions": self.actions,
                "forwarded_calendars": self.forwarded_calendars,
                "upstreams": self.upstreams,
            }
        )
        path = None if self.mail_from == "<>" else Address.parse(self.mail_from)
        facts = Facts(NOW, customer, credential, path, (Address.parse("bob@recipient.example"),), self.signatures)
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
            elif word in ("domains", "upstreams"):
                setattr(case, word, tuple(value.split()))
            elif word in ("forwarding", "forwarded-calendars"):
                setattr(case, word.replace("-", "_"), True)
            elif word == "signature":
                case.signatures = (*(case.signatures or ()), _verified(value))
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


def _verified(text: str) -> Verified:
    """What verifying gave, as a case writes it."""
    (number, result, domain), *rest = (part.split() for part in text.split(";"))
    more: dict[str, Any] = {}
    for word, *values in rest:
        if word in ("of", "signs"):
            more["aligned" if word == "of" else "names"] = frozenset(values)
        elif word in ("unsigned", "expires"):
            more[word] = int(values[0])
        else:
            raise ValueError(f"signature: unknown word {word!r}")
    verification = cast(Verification, result.replace("-", " "))
    return Verified(int(number), domain, verification, "" if result == "pass" else "as the case says", **more)


def all_cases() -> list[Case]:
    """Every case of every file."""
    return [case for path in sorted(CASES.glob("*.txt")) for case in read_cases(path)]
