"""Settings: listeners, next hops, stores, secrets. `postern.toml`, then POSTERN_* in the environment.

Environment names nest by two underscores: POSTERN_HTTP__ADDRESS=127.0.0.1:9025; lists are JSON. Relative paths are
relative to the file. A setting whose function this version does not have is refused, not ignored.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.customers import Network
from config.files import ConfigError, Frozen, explain, nearest, read_toml

_HOST_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+)):(?P<port>\d{1,5})\Z")


def split_address(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` as (host, port); raises ValueError."""
    match = _HOST_PORT.match(text)
    if not match or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is not host:port, such as '127.0.0.1:2525' or '[::1]:2525'")
    return match["six"] or match["host"], int(match["port"])


def _address(text: str) -> str:
    split_address(text)
    return text


HostPort = Annotated[str, AfterValidator(_address)]
Bytes = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def is_loopback(host: str) -> bool:
    """Whether a listener on `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Listener(Frozen):
    """A socket that others connect to."""

    address: HostPort
    role: Literal["submission", "inbound"] = "submission"
    """`inbound` takes mail to postmaster, abuse and unsubscribe addresses from anybody, and no other."""
    tls: Literal["none", "starttls", "implicit"] = "none"
    cert_file: Path | None = None
    key_file: Path | None = None
    auth_without_tls: bool = False
    """Offer AUTH on a connection without TLS; loopback addresses only."""
    client_certificates: bool = False
    """Ask for a client certificate in the handshake, and require none: customers' credentials may name them."""
    proxy_from: tuple[Network, ...] = ()
    """Addresses and networks of balancers: from them a PROXY header is required, from others it is never believed."""

    @model_validator(mode="after")
    def _safe(self) -> Self:
        host, _ = split_address(self.address)
        if self.auth_without_tls and not is_loopback(host):
            raise ValueError(
                f"auth_without_tls on {self.address} would send passwords in clear over the network: "
                "use tls = 'starttls' or 'implicit', or a loopback address"
            )
        if self.role == "inbound" and self.auth_without_tls:
            raise ValueError("role = 'inbound' offers no AUTH: take auth_without_tls out")
        if self.client_certificates and (self.tls == "none" or self.role == "inbound"):
            raise ValueError("client_certificates are shown under TLS, by customers: on a submission listener with tls")
        if self.tls != "none" and not (self.cert_file and self.key_file):
            raise ValueError(f"tls = '{self.tls}' needs cert_file and key_file")
        return self


class Smtp(Frozen):
    """The SMTP edge."""

    listeners: Annotated[tuple[Listener, ...], Field(min_length=1)]


class NextHop(Frozen):
    """The MTA that owns queueing and delivery: mail goes to the first of its addresses that answers."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    addresses: Annotated[tuple[HostPort, ...], Field(min_length=1)]
    tls: Literal["none", "opportunistic", "starttls", "implicit"] = "opportunistic"
    """`opportunistic` takes STARTTLS when offered, without verification; `starttls` and `implicit` verify."""
    ca_file: Path | None = None
    """Roots to verify against; None takes the system's."""
    username: str | None = None
    password_file: Path | None = None
    sessions: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Connections at most, over all addresses."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of the sessions, how much one customer may hold at once."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file belong together")
        if self.username and self.tls not in ("starttls", "implicit"):
            local = all(is_loopback(split_address(address)[0]) for address in self.addresses)
            if not local:
                raise ValueError("username needs tls = 'starttls' or 'implicit': the password would go in clear")
        return self


class Operator(Frozen):
    """Who runs this gateway."""

    domains: tuple[str, ...] = ()
    """Names of the operator's own, such as that of this gateway."""
    mailbox: Annotated[str, Field(pattern=r"^([^\s<>@]+@[^\s<>@]+\.[^\s<>@.]+)?$")] = ""
    """Where mail to postmaster and abuse at these domains goes; without it such mail is refused as any other."""
    profile: str = "us"


class Registry(Frozen):
    """Where customers, tokens and consents are kept."""

    url: SecretStr = SecretStr("sqlite:///var/postern.db")

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        scheme = value.get_secret_value().partition(":")[0]
        if scheme not in ("sqlite", "postgresql"):
            raise ValueError("must start with sqlite:/// or postgresql://")
        if re.search(r"[?&]password=", value.get_secret_value(), re.IGNORECASE):
            raise ValueError("write the password before the @, as in postgresql://user:password@host/db")
        return value


class Ledger(Frozen):
    """Where what all processes count together is kept."""

    url: SecretStr = SecretStr("memory://")
    """`memory://` for one process; `redis://host:6379/0`, `rediss://` (TLS), or for a cluster `redis+cluster://host:6379`
    (or some of its nodes, with commas between) or `rediss+cluster://`, for several."""
    nodes: Annotated[int, Field(ge=1)] = 1
    """Gateways that share the Redis: the share of each while it is away."""

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"memory://\Z|rediss?(\+cluster)?://[^/]", value.get_secret_value()):
            raise ValueError("must be memory://, or start with redis:// or rediss:// and a host")
        if re.search(r"[?&]password=", value.get_secret_value(), re.IGNORECASE):
            raise ValueError("write the password before the @, as in redis://:password@host:6379/0")
        return value

    @model_validator(mode="after")
    def _shared_by_nodes(self) -> Self:
        if self.nodes > 1 and self.url.get_secret_value() == "memory://":
            raise ValueError("nodes above 1 needs a Redis: url = 'redis://host:6379/0'")
        return self


def split_nameserver(text: str) -> tuple[str, int]:
    """An address, or `address:port` or `[v6]:port`, as (address, port), 53 by default; raises ValueError."""
    try:
        return str(ipaddress.ip_address(text)), 53
    except ValueError:
        pass
    try:
        host, port = split_address(text)
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        raise ValueError(
            f"{text!r} is neither 'system' alone nor a resolver's address, such as '192.0.2.53' or '[2001:db8::53]:53'"
        ) from None


class Dns(Frozen):
    """Resolvers. Without any there are no facts about domain names, and the rules that need them find nothing."""

    servers: Annotated[tuple[str, ...], Field(max_length=8)] = ()
    """`system` alone, or addresses; they are tried in order."""

    @field_validator("servers")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value != ("system",):
            for each in value:
                split_nameserver(each)
        return value


class Http(Frozen):
    """API, metrics and health."""

    address: HostPort = "127.0.0.1:8025"
    public_address: HostPort | Literal[""] = ""
    """Where the public is served, /u/ and /healthz alone; empty: unsubscribing is served on `address` too."""
    public_url: Annotated[str, Field(pattern=r"^(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?)?$")] = ""
    """What unsubscribe links begin with: https:// and the host name under which a proxy reaches the above."""
    proxies: tuple[Network, ...] = ()
    """Addresses and networks of the proxies in front of `public_address`: the last address of X-Forwarded-For is their
    word for where a person confirms from, and is believed of nobody else."""
    import_bytes: Bytes = 2 * 1024 * 1024 * 1024
    """Octets of one file to import at most."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 50
    """Of one token, on average over ten seconds; beyond it, 429."""


class EdgeLimits(Frozen):
    """Bounds of the edge, for one process where nothing else is said."""

    connections: Annotated[int, Field(ge=1)] = 2000
    """In total; nobody may hold more than are free, and a tenth is for customers' addresses alone."""
    connections_per_address: Annotated[int, Field(ge=1)] = 200
    """Over all processes; an IPv6 /64 is one address. Strangers get 421, customers 450 at MAIL."""
    connections_per_customer: Annotated[int, Field(ge=1)] = 500
    """Over all processes; beyond it MAIL is answered 450."""
    confirmations_per_hour: Annotated[int, Field(ge=0)] = 500
    """Confirmation mails of one customer, over all processes."""
    loop_delay: Seconds = 0.5
    """Seconds that the event loop may be late, on average over a second: then strangers get 421 and MAIL 451."""
    body_memory: Bytes = 256 * 1024 * 1024
    """Octets of message bodies held in memory at once; past it MAIL gets 452 4.3.1."""
    body_disk: Bytes = 4 * 1024 * 1024 * 1024
    """Octets of message bodies held in unlinked temporary files at once."""
    command_timeout: Seconds = 300
    """Seconds a client may be silent (RFC 5321 section 4.5.3.2.7)."""
    decision_timeout: Seconds = 100
    """Seconds from a message's end to our sending its final dot."""
    dot_timeout: Seconds = 600
    """Seconds the next hop has to answer the final dot (RFC 5321 section 4.5.3.2.6)."""
    drain_timeout: Seconds = 30
    """Seconds that open transactions get at SIGTERM."""


class Secrets(Frozen):
    """The operator's secrets; the file is made by the first command that needs it."""

    file: Path | None = None


class Audit(Frozen):
    """The journal on disk."""

    segment_bytes: Annotated[int, Field(ge=64 * 1024)] = 16 * 1024 * 1024
    """At which a segment is closed. The last one is read whole at start: 16 MiB take 0.15 s."""
    reserve_bytes: Annotated[int, Field(ge=64 * 1024)] = 8 * 1024 * 1024
    """Kept free so that the outcome of a forwarded message can always be written."""


class Webhooks(Frozen):
    """Telling customers, by HTTP or mail."""

    allow_networks: Annotated[tuple[Network, ...], Field(max_length=100)] = ()
    """Networks with webhooks that are not on the public Internet; others of that kind are refused."""
    ca_file: Path | None = None
    """Roots to verify webhooks against; None takes the system's."""
    timeout: Annotated[float, Field(gt=0, le=60)] = 15
    """Seconds of one request, from the look-up of its name to the status of the answer."""


class Settings(BaseSettings):
    """postern.toml and POSTERN_*; the environment wins."""

    model_config = SettingsConfigDict(
        env_prefix="POSTERN_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=False
    )

    hostname: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
    """Our name in the greeting and in Received (RFC 5321 section 4.1.1.1)."""
    data_dir: Path = Path("var")
    policy_file: Path | None = None
    """The operator's policy; None is the shipped one."""
    smtp: Smtp
    next_hops: Annotated[tuple[NextHop, ...], Field(min_length=1)]
    operator: Operator = Operator()
    registry: Registry = Registry()
    ledger: Ledger = Ledger()
    dns: Dns = Dns()
    http: Http = Http()
    limits: EdgeLimits = EdgeLimits()
    secrets: Secrets = Secrets()
    audit: Audit = Audit()
    webhooks: Webhooks = Webhooks()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file's values."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _next_hops_differ(self) -> Self:
        names = [hop.name for hop in self.next_hops]
        if len(set(names)) < len(names):
            raise ValueError("two next_hops have one name")
        return self

    @model_validator(mode="after")
    def _inbound_has_a_mailbox(self) -> Self:
        for listener in self.smtp.listeners:
            if listener.role == "inbound" and not (self.operator.mailbox and self.operator.domains):
                raise ValueError(
                    f"smtp.listeners {listener.address}: role = 'inbound' receives mail to postmaster and abuse: set "
                    "[operator] domains and mailbox, such as mailbox = 'abuse@gw.example'"
                )
        return self

    @property
    def secrets_file(self) -> Path:
        """Where the secrets are."""
        return self.secrets.file or self.data_dir / "secrets.toml"

    def shown(self) -> dict[str, Any]:
        """The effective settings for printing: secrets masked, paths as text."""
        values: dict[str, Any] = self.model_dump(mode="json")
        for name, store in (("registry", self.registry), ("ledger", self.ledger)):
            values[name]["url"] = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", store.url.get_secret_value())
        return values


def load_settings(path: Path) -> Settings:
    """The settings in a file and the environment, paths made absolute; raises ConfigError."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file; name one with --config FILE (docs/operator.md shows a first one)")
    data = read_toml(path)
    try:
        settings = Settings(**data)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(Settings, error, str(path)))) from None
    _refuse_unknown_environment(os.environ)
    anchored: Settings = _anchored(settings, path.resolve().parent)
    return anchored


def _refuse_unknown_environment(environment: Mapping[str, str]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name.startswith("POSTERN_") and name.removeprefix("POSTERN_").partition("__")[0] not in known:
            valid = [f"POSTERN_{key}" for key in known]
            raise ConfigError(f"environment: {name}: unknown setting{nearest(name.partition('__')[0], valid)}")


def _anchored(value: Any, base: Path) -> Any:
    """The same models with each relative path, and a SQLite URL's, made relative to `base`."""
    if isinstance(value, Registry):
        url = value.url.get_secret_value()
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            return Registry(url=SecretStr(f"sqlite:///{base / url.removeprefix('sqlite:///')}"))
        return value
    if isinstance(value, BaseModel):
        changes = {name: _anchored(getattr(value, name), base) for name in type(value).model_fields}
        return value.model_copy(update=changes)
    if isinstance(value, tuple):
        return tuple(_anchored(part, base) for part in value)
    return base / value if isinstance(value, Path) else value
