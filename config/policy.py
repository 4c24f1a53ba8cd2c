"""What the operator decides about mail: the policy, as frozen values.

A policy file (TOML) names only what it changes; every key and every rule code stands, with its
default and a comment, in the shipped `policy.toml`. Unknown keys are refused here, unknown rule codes by
`filters.engine.bind`, because only `filters` knows the rules.
"""

from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.domain import Domain
from config.files import Frozen, load
from config.limits import LimitsPolicy
from config.signals import SignalsPolicy

RuleCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$", max_length=40)]
"""A rule's code, such as HDR-FROM: capitals and digits, at least one hyphen."""


class Action(StrEnum):
    """What policy does with a rule's finding."""

    OFF = "off"
    """The rule is not run."""
    OBSERVE = "observe"
    """The finding is recorded and changes nothing."""
    DEFER = "defer"
    """The message gets 4xx: it may pass later."""
    REJECT = "reject"
    """The message gets 5xx."""


class MessageBounds(Frozen):
    """Bounds of one message. Beyond them it is refused before any rule sees it."""

    max_bytes: Annotated[int, Field(ge=64 * 1024, le=1 << 31)] = 50 * 1024 * 1024
    """Size in octets with CRLF, dots unstuffed (RFC 1870); the smaller of this and the next hop's is offered."""
    max_header_bytes: Annotated[int, Field(ge=16 * 1024, le=4 * 1024 * 1024)] = 256 * 1024
    """Octets of the header block."""
    max_header_fields: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """Fields in the header block."""
    max_mime_parts: Annotated[int, Field(ge=10, le=100_000)] = 1000
    """Parts of multiparts, whatever their depth."""
    max_mime_depth: Annotated[int, Field(ge=5, le=200)] = 50
    """Multiparts and messages within one another."""
    max_received: Annotated[int, Field(ge=10, le=1000)] = 100
    """Received fields; more is a loop (RFC 5321 section 6.3)."""
    max_recipients: Annotated[int, Field(ge=100, le=50_000)] = 1000
    """Recipients of one transaction; the next one gets 452 4.5.3 (RFC 5321 section 4.5.3.1.10)."""


class Brand(Frozen):
    """A name that others would write in."""

    name: Annotated[str, Field(min_length=2, max_length=100, pattern=r"[^\W_]")]
    domains: Annotated[tuple[Domain, ...], Field(min_length=1)]
    """Who writes from these, or below them, is the brand itself."""


BRANDS = (
    Brand(name="PayPal", domains=("paypal.com",)),
    Brand(name="Netflix", domains=("netflix.com",)),
    Brand(name="DocuSign", domains=("docusign.com", "docusign.net")),
    Brand(name="WhatsApp", domains=("whatsapp.com",)),
    Brand(name="American Express", domains=("americanexpress.com", "aexp.com")),
    Brand(name="Wells Fargo", domains=("wellsfargo.com",)),
)
"""Names that are nobody's own and no word of any language."""
CONSUMER = (
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "ymail.com",
    "aol.com", "icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "gmx.com", "gmx.de", "gmx.net",
    "web.de", "mail.com", "mail.ru", "yandex.com", "yandex.ru", "qq.com", "163.com", "126.com",
)  # fmt: skip
"""Domains in which anybody has a mailbox for the asking."""


class Addressing(Frozen):
    """What deceptive addressing is measured by."""

    brands: tuple[Brand, ...] = BRANDS
    """Names that only their holders may write in."""
    consumer_domains: tuple[Domain, ...] = CONSUMER
    """Domains to which no bulk mail has its answers sent."""
    visible_recipients: Annotated[int, Field(ge=10, le=100_000)] = 100
    """Recipients outside the customer's domains that To and Cc may show to each other."""

    @cached_property
    def brand_names(self) -> tuple[str, ...]:
        """The names of the brands."""
        return tuple(brand.name for brand in self.brands)


class AuditPolicy(Frozen):
    """How long evidence is kept."""

    retention_days: Annotated[int, Field(ge=0, le=36_500)] = 1826
    """Whole segments older than this are removed, which is itself recorded; 0 keeps all."""


class Policy(Frozen):
    """The operator's policy: actions per rule code, bounds, limits, retention."""

    actions: dict[RuleCode, Action] = Field(default_factory=dict)
    """Rule code -> action, for all customers; a rule that is not named has its own default."""
    mode: Literal["enforce", "observe"] = "enforce"
    """`observe` judges and records everything and refuses nothing by rule, for all customers."""
    message: MessageBounds = MessageBounds()
    addressing: Addressing = Addressing()
    limits: LimitsPolicy = LimitsPolicy()
    signals: SignalsPolicy = SignalsPolicy()
    audit: AuditPolicy = AuditPolicy()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the effective policy: the same digest, the same decisions."""
        return sha256(self.model_dump_json(by_alias=False).encode()).hexdigest()


def load_policy(path: Path | None) -> Policy:
    """The policy in `path`, or the shipped one; raises `config.files.ConfigError`."""
    return load(Policy, path or Path(__file__).with_name("policy.toml"))
