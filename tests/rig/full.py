"""Full facts: all that rules can be told at once, of an operator with ten thousand domains.

For measurements and properties that ask all rules together, each with what it needs: without facts many look at nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType

from config.customers import Customer
from config.policy import Action, Addressing, Brand, Policy
from consent.address import Address
from consent.profiles import HELD
from filters import RULES
from filters.activity import Activity, Measured
from filters.likeness import Holders
from filters.model import DomainState, Facts

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
OWN = ("acme.example", "news.acme.example", "bücher.example")
OTHERS = 10_000
"""Domains of other customers, a hundred to each."""
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_BRANDS = (
    "Nordbank", "Sea Freight", "Postfinanz", "Omnipay", "Tele Nova", "Grand Insurance", "Kraftwerk Energie", "Vita Care",
    "City Parcel", "Blue Harbour", "Cloud Vault", "Sign Desk", "Fast Ledger", "Open Wallet", "Alpen Versicherung",
)  # fmt: skip

POLICY = Policy(
    actions={rule.code: Action.REJECT for rule in RULES},
    addressing=Addressing(
        brands=(
            *Addressing().brands,
            *(Brand(name=name, domains=(f"{name.replace(' ', '').lower()}.example",)) for name in _BRANDS),
        )
    ),
)
"""Every rule on, whatever its default, and a list of brands as an operator would have it."""

CUSTOMER = Customer.model_validate(
    {
        "id": "acme",
        "name": "Acme Ltd",
        "domains": OWN,
        "upstreams": ["relay.example"],
        "report_from": ["host.example"],
        "executives": [
            {"name": name, "addresses": [f"{name.partition(' ')[0].lower()}@acme.example"]}
            for name in ("Jane Q. Roe", "Mårten Ek", "Rosalind Chairwoman-Smith", "Li Wei", "Xaver Oberhuber")
        ],
        "credentials": [{"username": "acme-app", "password_hash": "$argon2id$x"}],
    }
)


ACTIVITY = Activity(20, Measured(40, 90), Measured(3, 4), Measured(1, 1), Measured(2, 2), Measured(1, 9), guessed=False)


@cache
def _others() -> tuple[Mapping[str, str], Mapping[str, Mapping[str, str]]]:
    """Whose the domains are: by name, and by what they look like."""
    names = {f"{_word(number)}.example": f"c{number // 100}" for number in range(OTHERS)} | {"other.example": "other"}
    looks = Holders()
    for domain, holder in names.items():
        looks.add(holder, (domain,))
    looks.add("", ("gw.example",))
    looks.add("acme", CUSTOMER.domains)
    return MappingProxyType(names | dict.fromkeys(CUSTOMER.domains, "acme")), looks.view


def _word(number: int) -> str:
    word, base = "", len(_SYLLABLES)
    for _ in range(4):
        number, digit = divmod(number, base)
        word += _SYLLABLES[digit]
    return word


def full_facts(reverse_path: str = "bounce@acme.example", *recipients: str, smtputf8: bool = False) -> Facts:
    """Facts in which nothing is left out; `<>` is the null reverse-path. The DNS knows all domains of the envelope."""
    path = None if reverse_path == "<>" else Address.parse(reverse_path)
    to = tuple(Address.parse(recipient) for recipient in recipients or ("bob@recipient.example",))
    holders, held = _others()
    return Facts(
        NOW,
        CUSTOMER,
        CUSTOMER.credentials[0],
        path,
        to,
        ehlo="mail.acme.example",
        own_names=frozenset(("gw.example",)),
        trace_key=b"a key that only the tests have ...",
        holders=holders,
        held=held,
        domains=dict.fromkeys((*CUSTOMER.domains, *(each.domain for each in to)), DomainState.TAKES_MAIL),
        signatures=(),
        smtputf8=smtputf8,
        activity=ACTIVITY,
        own_unsubscribe=frozenset(("https://unsubscribe.example/u/1",)),
        content=frozenset(HELD),
    )
