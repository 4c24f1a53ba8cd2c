"""Reads rule cases: text files that a stranger can extend.

== what this message is
expect HDR-FROM            the codes of all findings, in order of RULES; or: expect none
mail-from bounce@acme.example        optional; `<>` is the null reverse-path
domains acme.example news.acme.example
upstreams relay.example              of the customer
forwarding                           the credential may forward
customer report_from = ["web01.acme.example"]        a line of the customer's TOML; it may stand several times
credential domains = ["acme.example"]        the same of the credential's
held brand.example brand   a domain that another customer holds; without one: the operator; may stand several times
policy addressing.visible_recipients = 10            a line of the policy's TOML
forwarded-calendars        the customer may forward invitations
signature 1 pass example.org; of mail.example.org; signs from sender; unsigned 5; expires 1700000000
                           what verifying a DKIM-Signature gave: number, result (`no-key` with hyphen) and d=, then where
                           it is so, the domains it speaks for, fields it signs (from and subject where nothing is said),
                           octets behind l=, and x=
unsigned                   we hold no key for the author's domain; else we sign
activity 20 recipients=600/100 senders=3/1 guessed   what the credential sent lately: days it is known, numbers now and
                           at most before (`recipients`, `senders`, `sender_domains`, `networks`, `one_body`; 1/1 where
                           nothing is said); without a line the ledger could not be asked
ehlo mail.host.example     what its server greets us with
dns gone.example=ABSENT    what the DNS says about a domain; several may stand
action HDR-DATE=observe
mode observe
smtputf8                   MAIL said SMTPUTF8
bulk                       the message is bulk mail
list spring brand          the list that it is sent for, and its party where that is not the customer's own
list-id spring.acme.example spring     the List-Id of a list of the customer's; several may stand
party-domain brand.example brand       a domain of another party of the customer's; likewise
own-unsubscribe https://unsubscribe.example/u/1      a URI at our service whose token verified; several may stand
unfit-unsubscribe https://unsubscribe.example/u/2 is another recipient's      one that is of no use, and why; likewise
content postal_address     what the customer's profiles ask bulk mail to hold
outcome defer              accept, defer or reject; by default what the findings' default actions give
evidence 2 From fields     must be the evidence of the first finding
rcpt-to bob@recipient.example carol@recipient.example        the recipients, where they are not bob alone
charset big5               what the message is encoded in; UTF-8 where nothing is said
escapes                    backslash escapes (\\r \\n \\0 \\xff \\\\) in the message are read

Here the message begins; each line ends in CRLF. It ends before the next line that starts with "== ".
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from config.customers import Customer
from config.policy import Action, Policy
from consent.address import Address
from filters.activity import Activity, Measured
from filters.engine import bind, evaluate
from filters.likeness import Holders
from filters.message import Message
from filters.model import DomainState, Facts, Verdict, Verification, Verified

CASES = Path(__file__).parents[1] / "cases"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TRACE_KEY = b"a key that only the tests have ..."
"""The ids that stand in cases/trace.txt were made with it."""
HOLDERS = {"other.example": "other"}
"""Who holds a domain whatever the case says."""


@dataclass
class Case:
    """One message, its context, and what the rules should say."""

    title: str
    file: str
    expect: tuple[str, ...] = ()
    mail_from: str = "bounce@acme.example"
    domains: tuple[str, ...] = ("acme.example", "news.acme.example")
    actions: dict[str, Action] = field(default_factory=dict)
    ehlo: str = "client.acme.example"
    dns: dict[str, DomainState] = field(default_factory=dict)
    mode: str = "enforce"
    outcome: str = ""
    evidence: str = ""
    customer: str = ""
    credential: str = ""
    policy: str = ""
    held: list[tuple[str, str]] = field(default_factory=list)
    smtputf8: bool = False
    bulk: bool = False
    list: str | None = None
    party: str = "acme"
    list_ids: dict[str, str] = field(default_factory=dict)
    parties: dict[str, str] = field(default_factory=dict)
    own_unsubscribe: tuple[str, ...] = ()
    unfit_unsubscribe: dict[str, str] = field(default_factory=dict)
    content: tuple[str, ...] = ()
    rcpt_to: str = "bob@recipient.example"
    message: bytes = b""
    signatures: tuple[Verified, ...] | None = None
    unsigned: bool = False
    activity: Activity | None = None

    def sender(self, shown: Mapping[str, Any]) -> Customer:
        """The customer, with one credential that says who it is as in `shown`."""
        return Customer.model_validate(
            {
                "id": "acme",
                "name": "Acme",
                "domains": self.domains,
                "mode": self.mode,
                "actions": self.actions,
                "credentials": [{**shown, **tomllib.loads(self.credential)}],
                **tomllib.loads(self.customer),
            }
        )

    def verdict(self) -> Verdict:
        """What the engine decides."""
        customer = self.sender({"username": "acme-app", "password_hash": "$argon2id$x"})
        path = None if self.mail_from == "<>" else Address.parse(self.mail_from)
        looks = Holders()
        looks.add("acme", customer.domains)
        for domain, holder in self.held:
            looks.add(holder, (domain,))
        facts = Facts(
            NOW,
            customer,
            customer.credentials[0],
            path,
            tuple(Address.parse(recipient) for recipient in self.rcpt_to.split()),
            ehlo=self.ehlo,
            own_names=frozenset(("gw.example",)),
            trace_key=TRACE_KEY,
            holders=HOLDERS
            | {domain: holder for domain, holder in self.held if holder}
            | dict.fromkeys(customer.domains, "acme"),
            held=looks.view,
            domains=self.dns,
            signatures=self.signatures,
            signing_domain=None if self.unsigned else "acme.example",
            smtputf8=self.smtputf8,
            activity=self.activity,
            bulk=self.bulk,
            list=self.list,
            party=self.party,
            list_ids=self.list_ids,
            parties=self.parties,
            own_unsubscribe=frozenset(self.own_unsubscribe),
            unfit_unsubscribe=self.unfit_unsubscribe,
            content=frozenset(self.content),
        )
        policy = Policy.model_validate(tomllib.loads(self.policy))
        return evaluate(bind(policy, customer.actions), Message(self.message), facts, policy)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file, in order; raises ValueError for a directive it does not know."""
    for block in ("\n" + path.read_text()).split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        head, _, text = rest.partition("\n\n")
        case, escapes, charset = Case(title.split("  #")[0].strip(), path.stem), False, "utf-8"
        for line in head.splitlines():
            word, _, value = line.partition(" ")
            if word == "escapes":
                escapes = True
            elif word == "charset":
                charset = value.strip()
            elif word and not word.startswith("#") and not (_say(case, word, value.strip()) or _add(case, word, value)):
                raise ValueError(f"{path.name}: {title!r}: unknown directive {word!r}")
        raw = (text.rstrip("\n") + "\n").replace("\n", "\r\n").encode(charset)
        case.message = (
            raw.decode("latin-1").encode("latin-1").decode("unicode_escape").encode("latin-1") if escapes else raw
        )
        yield case


def _say(case: Case, word: str, value: str) -> bool:
    """A directive that says one thing; whether it is one."""
    if word == "expect":
        case.expect = () if value == "none" else tuple(value.split())
    elif word in ("mail-from", "outcome", "evidence", "mode", "ehlo", "rcpt-to"):
        setattr(case, word.replace("-", "_"), value)
    elif word == "domains":
        case.domains = tuple(value.split())
    elif word == "upstreams":
        case.customer += f"upstreams = {value.split()}\n"
    elif word == "forwarding":
        case.credential += "forwarding = true\n"
    elif word == "unsigned":
        case.unsigned = True
    elif word == "activity":
        case.activity = activity_as(value)
    elif word in ("smtputf8", "bulk"):
        setattr(case, word, True)
    elif word == "list":
        name, _, party = value.partition(" ")
        case.list, case.party = name, party.strip() or "acme"
    elif word == "content":
        case.content = tuple(value.split())
    elif word == "forwarded-calendars":
        case.customer += "forwarded_calendars = true\n"
    else:
        return False
    return True


def _add(case: Case, word: str, value: str) -> bool:
    """A directive that may stand several times; whether it is one."""
    if word in ("customer", "credential", "policy"):
        setattr(case, word, f"{getattr(case, word)}{value.strip()}\n")
    elif word == "held":
        domain, _, holder = value.strip().partition(" ")
        case.held.append((domain, holder.strip()))
    elif word == "dns":
        domain, _, state = value.strip().partition("=")
        case.dns[domain] = DomainState[state]
    elif word == "own-unsubscribe":
        case.own_unsubscribe = (*case.own_unsubscribe, value.strip())
    elif word == "unfit-unsubscribe":
        uri, _, why = value.strip().partition(" ")
        case.unfit_unsubscribe[uri] = why
    elif word in ("list-id", "party-domain"):
        of, _, name = value.strip().partition(" ")
        (case.list_ids if word == "list-id" else case.parties)[of] = name.strip()
    elif word == "signature":
        case.signatures = (*(case.signatures or ()), verified_as(value.strip()))
    elif word == "action":
        code, _, action = value.strip().partition("=")
        case.actions[code] = Action(action)
    else:
        return False
    return True


def activity_as(text: str) -> Activity:
    """What a credential sent lately, as a case writes it."""
    days, *words = text.split()
    measured = dict.fromkeys(("recipients", "senders", "sender_domains", "networks", "one_body"), Measured(1, 1))
    for name, _, value in (word.partition("=") for word in words if word != "guessed"):
        if name not in measured:
            raise ValueError(f"activity: unknown number {name!r}")
        now, most = value.split("/")
        measured[name] = Measured(int(now), int(most))
    return Activity(int(days), **measured, guessed="guessed" in words)


def verified_as(text: str) -> Verified:
    """What verifying gave, as a case writes it: number, result and domain, then its further words."""
    (number, result, domain), *rest = (part.split() for part in text.split(";"))
    more: dict[str, Any] = {"names": frozenset(("from", "subject"))}
    for word, *values in rest:
        if word in ("of", "signs"):
            more["aligned" if word == "of" else "names"] = frozenset(values)
        elif word in ("unsigned", "expires"):
            more[word] = int(values[0])
        else:
            raise ValueError(f"signature: unknown word {word!r}")
    verification = cast(Verification, result.replace("-", " "))
    return Verified(int(number), domain, verification, "" if result == "pass" else "as the case says", **more)


def all_cases(folder: Path = CASES) -> list[Case]:
    """Every case of every file in a folder."""
    return [case for path in sorted(folder.glob("*.txt")) for case in read_cases(path)]


def parameters(cases: Sequence[Case]) -> list[object]:
    """Cases for `parametrize`, named by file and title."""
    return [pytest.param(case, id=f"{case.file}: {case.title}") for case in cases]
