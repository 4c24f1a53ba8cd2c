"""Limits: how much may pass in a window of time, for each thing that is counted. Pure values.

What is counted is a *scope* (a customer, a recipient, ...), how is a *measure* (messages, recipients, bytes). Only what
is set is counted. A window is as long as it says and slides: in no window of that length does more pass.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from config.domain import domain_name
from config.files import Frozen, nearest

MEASURES = ("messages", "recipients", "bytes")
WINDOWS = {"minute": 60, "hour": 3600, "day": 86_400, "30_days": 30 * 86_400}
"""Name -> seconds."""

Amount = Annotated[int, Field(ge=0, le=1 << 50)]


class Cap(NamedTuple):
    """So much in a window."""

    window: str
    """One of WINDOWS."""
    most: int
    hard: bool

    @property
    def seconds(self) -> int:
        """The window's length."""
        return WINDOWS[self.window]


class Limits(Frozen):
    """What may pass per window; None is not limited, 0 lets nothing pass."""

    messages_per_minute: Amount | None = None
    messages_per_hour: Amount | None = None
    messages_per_day: Amount | None = None
    messages_per_30_days: Amount | None = None
    recipients_per_minute: Amount | None = None
    recipients_per_hour: Amount | None = None
    recipients_per_day: Amount | None = None
    recipients_per_30_days: Amount | None = None
    bytes_per_minute: Amount | None = None
    bytes_per_hour: Amount | None = None
    bytes_per_day: Amount | None = None
    bytes_per_30_days: Amount | None = None
    hard: tuple[str, ...] = ()
    """Names of limits above whose refusal is 550; what is not named answers 450."""

    @model_validator(mode="after")
    def _hard_ones_are_set(self) -> Self:
        names = [name for name in type(self).model_fields if name != "hard"]
        for name in self.hard:
            if name not in names:
                raise ValueError(f"hard: no limit {name!r}{nearest(name, names)}")
            if getattr(self, name) is None:
                raise ValueError(f"hard: {name} is not set here: set it beside `hard`, or take it out")
        return self

    def over(self, otherwise: "Limits") -> tuple[tuple[str, tuple[Cap, ...]], ...]:
        """The caps of each measure that has any. One that is not set here is as in `otherwise`, its mark too."""
        if not self.names:
            return otherwise.caps
        if not otherwise.names:
            return self.caps
        mine, others = dict(self.caps), dict(otherwise.caps)
        found = []
        for measure in MEASURES:
            caps = {cap.window: cap for cap in (*others.get(measure, ()), *mine.get(measure, ()))}
            if caps:
                found.append((measure, tuple(caps[window] for window in WINDOWS if window in caps)))
        return tuple(found)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of those that are set."""
        return tuple(name for name in type(self).model_fields if name != "hard" and getattr(self, name) is not None)

    @cached_property
    def caps(self) -> tuple[tuple[str, tuple[Cap, ...]], ...]:
        """The caps of each measure that has any, shortest window first."""
        found: dict[str, list[Cap]] = {}
        for name in self.names:
            measure, _, window = name.partition("_per_")
            found.setdefault(measure, []).append(Cap(window, getattr(self, name), name in self.hard))
        return tuple((measure, tuple(caps)) for measure, caps in found.items())

    @cached_property
    def by_measure(self) -> dict[str, tuple[tuple[str, tuple[Cap, ...]], ...]]:
        """Measure -> those of `caps` that are about it; only those that have any."""
        return {each[0]: (each,) for each in self.caps}


class StreamLimits(Frozen):
    """Limits of each customer's streams."""

    bulk: Limits = Limits()
    transactional: Limits = Limits()
    auto: Limits = Limits()


def _exempt(text: str) -> str:
    """An address or a domain, in lower case, its domain in A-labels."""
    local, at, domain = text.strip().rpartition("@")
    if at and not local:
        raise ValueError(f"{text!r} is neither an address such as 'journal@archive.example' nor a domain")
    return f"{local.lower()}{at}{domain_name(domain)}"


class LimitsPolicy(Frozen):
    """The operator's limits, for everybody who has none of their own."""

    operator: Limits = Limits()
    """All that passes this gateway, on all its nodes."""
    customer: Limits = Limits()
    """Each customer; `[customers.limits]` overrides it name by name."""
    credential: Limits = Limits()
    """Each credential; `[customers.credentials.limits]` overrides it name by name."""
    stream: StreamLimits = StreamLimits()
    """Each customer's mail by stream: what its credentials of that stream send together."""
    source: Limits = Limits()
    """Each client address of each customer; an IPv6 /64 is one."""
    sender: Limits = Limits()
    """Each reverse-path of each customer. A client chooses it: this never stands in for the others."""
    recipient_by_customer: Limits = Limits(messages_per_hour=200)
    """Each recipient, by one customer (R-168)."""
    recipient_by_all: Limits = Limits(messages_per_hour=600)
    """Each recipient, by all customers; it stops those above their fair share of it."""
    recipient_domain: Limits = Limits()
    """Each recipient domain, by all customers; it stops those above their fair share of it."""
    report: Limits = Limits(recipients_per_hour=1000)
    """Each customer's mail under the null reverse-path, which counts against no customer, credential or sender."""
    exempt_recipients: tuple[str, ...] = ()
    """Addresses and domains that may get any amount of mail: journals, archives, alert boxes."""
    count_refused: bool = False
    """Whether a message that was refused for good after its final dot counts as if it had passed."""

    @model_validator(mode="before")
    @classmethod
    def _beside_what_is_shipped(cls, data: Any) -> Any:
        """A table names only what it changes: a shipped limit stays where it says nothing about it."""
        if isinstance(data, dict):
            for name, field in cls.model_fields.items():
                if isinstance(field.default, Limits) and isinstance(data.get(name), dict):
                    data = {**data, name: {**field.default.model_dump(include=set(field.default.names)), **data[name]}}
        return data

    @field_validator("exempt_recipients")
    @classmethod
    def _addresses_or_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_exempt(each) for each in value)

    @model_validator(mode="after")
    def _only_what_can_be(self) -> Self:
        for scope in ("operator", "report", "recipient_by_customer", "recipient_by_all", "recipient_domain"):
            if getattr(self, scope).hard:
                raise ValueError(f"{scope}.hard: these limits put off and never refuse for good: take it out")
        for scope in ("recipient_by_customer", "recipient_by_all"):
            for name in getattr(self, scope).names:
                if name.startswith("recipients_"):
                    better = name.replace("recipients", "messages")
                    raise ValueError(f"{scope}.{name}: one recipient gets messages: write {better}")
        return self

    def scopes(self) -> Iterator[tuple[str, Limits]]:
        """Every table of limits with its name, such as `stream.bulk`."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Limits):
                yield name, value
            elif isinstance(value, StreamLimits):
                yield from ((f"{name}.{stream}", getattr(value, stream)) for stream in StreamLimits.model_fields)
