"""Customers as the operator writes them in customers.toml (design.md section 7). Pure values.

One file may name some or all customers; applying it adds or replaces those it names. What is stored and what a
running gateway works with are the same two models, so there is one meaning of every key.
"""

import contextlib
import ipaddress
import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from config.domain import Domain, domain_name
from config.files import Frozen, load
from config.limits import Amount, Limits
from config.policy import Action, RuleCode
from config.webhooks import Webhook

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""A customer's or list's id: lower-case letters, digits, `-` and `_`, at most 64."""


def _network(text: str) -> str:
    """A network in canonical CIDR form; IPv4 addresses mapped into IPv6 (RFC 4291 section 2.5.5.2) as IPv4."""
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{error}; write it like '192.0.2.0/24'") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return str(ipaddress.ip_network((mapped, network.prefixlen - 96)))
    return str(network)


_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")


def _fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as 64 hexadecimal digits; colons between octets, as openssl writes them, are taken out."""
    plain = re.sub(r"(?i)\Asha-?256[: ](?:fingerprint=)?", "", text.strip())
    plain = (plain.replace(":", "") if re.fullmatch(r"\w\w(?::\w\w){31}", plain) else plain).lower()
    if not _FINGERPRINT.match(plain):
        raise ValueError(
            "not a SHA-256 fingerprint of 64 hexadecimal digits, with or without colons: "
            "`openssl x509 -noout -fingerprint -sha256 -in FILE` prints it"
        )
    return plain


_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,7}),t=([1-9][0-9]?),p=([1-9][0-9]?)"
    r"\$[A-Za-z0-9+/]{11,128}\$[A-Za-z0-9+/]{16,256}\Z"
)
_ARGON2_MEMORY = 1024 * 1024
"""KiB that checking one password may take: a hash that takes more would stop the gateway."""


def _unfit_hash(text: str) -> str | None:
    """Why a gateway cannot check passwords against this encoded argon2id hash (RFC 9106); None when it can."""
    found = _ARGON2.match(text)
    if not found:
        return "is not an encoded argon2id hash such as '$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>'"
    if int(found[1]) > _ARGON2_MEMORY or int(found[2]) > 20:
        return f"asks for more than m={_ARGON2_MEMORY} (KiB) or t=20: checking it would take too long"
    return None


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable text on one line")
    return text


def _named(text: str) -> str:
    """A name with a word in it."""
    if not re.search(r"[^\W_]", _printable(text)):
        raise ValueError(f"{text!r} holds no letter: write a name such as 'Jane Roe'")
    return text


def names_in(text: str) -> set[str]:
    """What a name of a credential may mean: a username, a network, or a certificate, each in canonical form."""
    found = {text.strip().lower()}
    for read, mark in ((_network, ""), (_fingerprint, "sha256:")):
        with contextlib.suppress(ValueError):
            found.add(mark + read(text))
    return found


Network = Annotated[str, AfterValidator(_network)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""SHA-256 of a certificate's DER form, 64 lower-case hexadecimal digits."""
ConsentGrade = Literal["E0", "E1", "E2", "E3", "E4"]
"""How well a consent is evidenced (R-084): E0 bare assertion to E4 confirmed before our own eyes."""
_PLAIN_GRADE: ConsentGrade = "E2"


def _mailbox(text: str) -> str:
    """A mailbox in lower case, its domain in A-labels; `consent.address` is the judge of what is in a message."""
    local, at, domain = text.strip().rpartition("@")
    if not (at and local) or re.search(r"[\s<>@]", local):
        raise ValueError(f"{text!r} is not a mailbox such as 'ann@acme.example'")
    return f"{local.lower()}@{domain_name(domain)}"


Mailbox = Annotated[str, Field(max_length=254), AfterValidator(_mailbox)]


class Executive(Frozen):
    """Somebody in whose name others would write: only from these addresses."""

    name: Annotated[str, Field(min_length=2, max_length=100), AfterValidator(_named)]
    addresses: Annotated[tuple[Mailbox, ...], Field(min_length=1)]


class Observed(Frozen):
    """Distinct recipients of near-identical mail above which it is bulk; 0 switches a window off."""

    day: Amount = 100
    month: Amount = 1000
    year: Amount = 10_000


class Bulk(Frozen):
    """How undeclared bulk is seen and paced."""

    slow_start: Amount = 20
    """Recipients per 10 minutes of a new cluster; 0 switches slow start off."""
    observed: Observed = Observed()


class Credential(Frozen):
    """One way a customer's server proves who it is: a username with a password, networks, certificates, or several."""

    username: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")] | None = None
    password: Annotated[str, Field(min_length=8, max_length=1024)] | None = Field(
        default=None, repr=False, exclude=True
    )
    """As written only: it is hashed when applied, never stored, never shown."""
    password_hash: Annotated[str, Field(pattern=r"^\$argon2id\$")] | None = Field(default=None, repr=False)
    networks: tuple[Network, ...] = ()
    """Peer addresses that are this credential without AUTH."""
    certificates: tuple[Fingerprint, ...] = ()
    """Client certificates that are this credential without AUTH, on listeners that ask for them."""
    domains: tuple[Domain, ...] = ()
    """Those of the customer's domains that it may use; none named is all of them."""
    stream: Literal["bulk", "transactional", "auto"] = "auto"
    """What its mail is (design section 5): with `bulk` all of it is bulk mail, and the audience is decided at each
    RCPT; `transactional` is bulk mail where it says so or advertises, `auto` also where it is seen to be."""
    list: Identifier | None = None
    """The list its mail is for, where nothing in the transaction says otherwise."""
    next_hop: str | None = None
    """A next hop of the settings; None takes the customer's."""
    forwarding: bool = False
    """It may pass on what others wrote: a foreign From that its author's own DKIM signature vouches for."""
    normalise_bare_lf: bool = False
    """Make CRLF of bare CR and LF in its messages, before any rule sees them, instead of refusing them."""
    limits: Limits = Limits()

    @property
    def name(self) -> str:
        """What it is called in records and tables: its username, else its first network, else its first certificate."""
        return self.username or (self.networks[0] if self.networks else f"sha256:{self.certificates[0]}")

    @property
    def names(self) -> frozenset[str]:
        """All it may be called by in a command: its username in lower case, each network, each certificate."""
        own = [self.username.lower()] if self.username else []
        return frozenset((*own, *self.networks, *(f"sha256:{each}" for each in self.certificates)))

    def is_called(self, text: str) -> bool:
        """Whether `text` is one of its names, in whatever case and form."""
        return not self.names.isdisjoint(names_in(text))

    @field_validator("username")
    @classmethod
    def _no_suffix_mark(cls, value: str | None) -> str | None:
        if value is not None and "+" in value:
            raise ValueError("a username holds no '+': what follows a '+' at AUTH names a list")
        return value

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.username is None and not (self.networks or self.certificates):
            raise ValueError("a credential needs a username with a password, or networks, or certificates")
        if self.username is not None and not (self.password or self.password_hash):
            raise ValueError("a username needs a password or a password_hash (argon2id)")
        if self.username is None and (self.password or self.password_hash):
            raise ValueError("a password needs a username")
        if self.password and self.password_hash:
            raise ValueError("write either password or password_hash")
        return self


class Customer(Frozen):
    """A customer of the operator's, as written in customers.toml and as stored."""

    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
    postal_address: Annotated[str, Field(max_length=500)] = ""
    contact: Annotated[str, Field(max_length=254), AfterValidator(_printable)] = ""
    domains: Annotated[tuple[Domain, ...], Field(min_length=1)]
    """Exact domains it may use in reverse-path, From and Sender; no two customers may hold one."""
    executives: tuple[Executive, ...] = ()
    """People whose names may stand in From, Sender and Reply-To with their own addresses only."""
    brands: tuple[Annotated[str, Field(max_length=100), AfterValidator(_named)], ...] = ()
    """Protected brands (policy, `addressing.brands`) in whose name it may write."""
    upstreams: tuple[Domain, ...] = ()
    """Host suffixes of servers that hand it mail: they may stand in Received lines, and write reports."""
    report_from: tuple[Domain, ...] = ()
    """Host suffixes that may stand in From of reports besides (`filters.reports`)."""
    profiles: tuple[str, ...] = ()
    mode: Literal["enforce", "observe"] = "enforce"
    """`observe`: everything is judged and recorded, nothing refused by rule."""
    minimum_grade: ConsentGrade = "E2"
    """Evidence that a consent needs to be a ground for bulk mail (R-084); `grade_on` says what holds."""
    minimum_grade_reason: Annotated[str, Field(max_length=500), AfterValidator(_printable)] = ""
    """Why the operator lets less than E2 do; required then, and shown with the customer."""
    minimum_grade_until: date | None = None
    """The last day, in UTC, on which less than E2 does; from the next day on E2 is required again."""
    unsubscribe: Literal["require", "insert"] = "require"
    """`insert`: List-Unsubscribe and List-Unsubscribe-Post are put into bulk mail to one recipient that has neither."""
    unsubscribe_hosts: tuple[Domain, ...] = ()
    """Hosts of its own pages for unsubscribing, to which links of its bulk mail may lead."""
    unsubscribe_alias: Domain | None = None
    """A host name of its own that leads to the operator's unsubscribe service: links made for its mail bear it."""
    forwarded_calendars: bool = False
    """It may pass on invitations with the organiser in From, unsigned, and their own Sender; each is counted."""
    next_hop: str | None = None
    """A next hop of the settings; None is the first."""
    credentials: tuple[Credential, ...] = ()
    webhook: Webhook | None = None
    """Where it is told what happens to its mail; None tells `contact`."""
    limits: Limits = Limits()
    bulk: Bulk = Bulk()
    actions: dict[RuleCode, Action] = Field(default_factory=dict)
    """Rule code -> action, for this customer, over the policy's."""

    @model_validator(mode="after")
    def _unique_within(self) -> Self:
        for what, values in (
            ("domain", self.domains),
            ("username", [c.username.lower() for c in self.credentials if c.username]),
            ("network", [network for c in self.credentials for network in c.networks]),
            ("certificate", [certificate for c in self.credentials for certificate in c.certificates]),
            ("credential", [c.name for c in self.credentials]),
        ):
            doubled = sorted({value for value in values if list(values).count(value) > 1})
            if doubled:
                raise ValueError(f"{what} {doubled[0]!r} stands twice")
        return self

    @model_validator(mode="after")
    def _credentials_are_no_wider(self) -> Self:
        for credential in self.credentials:
            for domain in credential.domains:
                if domain not in self.domains:
                    raise ValueError(f"credential {credential.name!r}: domain {domain!r} is not among the customer's")
        return self

    @model_validator(mode="after")
    def _lowered_grade_is_explained(self) -> Self:
        if self.minimum_grade < _PLAIN_GRADE:
            for name, value in (("reason", self.minimum_grade_reason.strip()), ("until", self.minimum_grade_until)):
                if not value:
                    example = "'why less does'" if name == "reason" else "a date such as 2027-01-31"
                    raise ValueError(
                        f"minimum_grade = '{self.minimum_grade}' is below E2 and needs minimum_grade_{name}, {example}"
                    )
        elif self.minimum_grade_reason or self.minimum_grade_until:
            raise ValueError(
                "minimum_grade_reason and minimum_grade_until explain a minimum_grade below E2; "
                f"this one is {self.minimum_grade}: take them out"
            )
        return self

    def grade_on(self, day: date) -> ConsentGrade:
        """The grade a consent needs on a day (UTC): `minimum_grade`, and E2 once a lower one's last day is over."""
        lowered = self.minimum_grade < _PLAIN_GRADE
        over = self.minimum_grade_until is None or day > self.minimum_grade_until
        return _PLAIN_GRADE if lowered and over else self.minimum_grade

    def domains_of(self, credential: Credential) -> tuple[str, ...]:
        """The domains that a credential of this customer may use."""
        return credential.domains or self.domains

    def credential(self, name: str) -> Credential | None:
        """The credential called `name`, or None."""
        return next((credential for credential in self.credentials if credential.name == name), None)

    @property
    def switched_off(self) -> tuple[str, ...]:
        """Keys of `bulk` that are 0: what they bound is not bounded, which is to be seen."""
        observed = self.bulk.observed
        numbers = {"bulk.slow_start": self.bulk.slow_start} | {
            f"bulk.observed.{name}": getattr(observed, name) for name in type(observed).model_fields
        }
        return tuple(name for name, number in numbers.items() if not number)


class CustomersFile(Frozen):
    """customers.toml: `[[customers]]`, at least one."""

    customers: Annotated[tuple[Customer, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique_between(self) -> Self:
        seen: dict[tuple[str, str], str] = {}
        for customer in self.customers:
            held = [("id", customer.id), *(("domain", domain) for domain in customer.domains)]
            held += [("username", c.username.lower()) for c in customer.credentials if c.username]
            held += [("certificate", each) for c in customer.credentials for each in c.certificates]
            for key in held:
                if key in seen:
                    raise ValueError(f"{key[0]} {key[1]!r} stands at customer {seen[key]!r} and at {customer.id!r}")
                seen[key] = customer.id
        return self

    @model_validator(mode="after")
    def _hashes_fit(self) -> Self:
        for customer in self.customers:
            for credential in customer.credentials:
                why = _unfit_hash(credential.password_hash) if credential.password_hash else None
                if why:
                    raise ValueError(f"customer {customer.id!r}: password_hash of {credential.name!r} {why}")
        return self


class Standing(Frozen):
    """What the operator has decided about a customer, beside what is written in the file."""

    status: Literal["active", "suspended"] = "active"
    reason: str = ""
    since: datetime | None = None


def load_customers(path: Path) -> tuple[Customer, ...]:
    """The customers in a file; raises `config.files.ConfigError`."""
    return load(CustomersFile, path).customers
