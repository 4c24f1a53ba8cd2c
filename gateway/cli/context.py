"""What commands share: the --config option, the stores, failing plainly, and the audit of operators' acts."""

import contextlib
import errno
import functools
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from tabulate import tabulate

from config.customers import Customer, load_customers
from config.files import ConfigError, nearest
from config.policy import Policy, load_policy
from config.settings import Settings, load_settings
from consent.address import Address, AddressError
from consent.customers import StoredCustomer, UnknownCustomer
from consent.database import RegistryError
from consent.documents import DocumentError, UnknownDocument
from consent.keys import SecretsError
from consent.profiles import shipped
from filters.engine import UnknownRule, bind, check_codes
from gateway.audit.errors import JournalError, JournalLocked
from gateway.audit.journal import Journal
from gateway.audit.record import Act
from gateway.evidence import Evidence
from gateway.stores import Stores

_LASTING = 8
"""Commands of the kind that may last which one data_dir runs at once."""

P = ParamSpec("P")
R = TypeVar("R")


def utc_now() -> datetime:
    """The aware time of this machine: the one clock that commands and servers pass in."""
    return datetime.now(UTC)


def fail(message: str, status: int = 1) -> NoReturn:
    """Print `postern: message` to stderr and end: 1 the answer is no, 2 wrong use or configuration."""
    for line in message.splitlines() or [""]:
        click.echo(f"postern: {line}", err=True)
    sys.exit(status)


def config_option(function: Callable[P, R]) -> Callable[..., R]:
    """Add `--config FILE`; the command gets `settings`. A wrong configuration ends it with status 2."""

    @click.option(
        "--config", "config", type=click.Path(path_type=Path), default=Path("postern.toml"), show_default=True,
        help="The settings file; relative paths in it are relative to it.",
    )  # fmt: skip
    @functools.wraps(function)
    def wrapper(*args: Any, config: Path, **kwargs: Any) -> R:
        with plainly():
            kwargs["settings"] = load_settings(config)
            return function(*args, **kwargs)

    return wrapper


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """End the command with status 2 and one line for each thing that is wrong, whatever an operator can put wrong.

    A list, notice or party that is not there is status 1: the answer is no.
    """
    try:
        yield
    except UnknownDocument as error:
        fail(str(error), 1)
    except (ConfigError, SecretsError, RegistryError, DocumentError) as error:
        fail(str(error), 2)
    except JournalLocked as error:
        fail(f"{error}; another `postern serve` has this data_dir: stop it, or name another data_dir", 2)
    except JournalError as error:
        fail(str(error), 2)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # who reads our output has gone; click ends without a word
        place = f"{error.filename}: " if error.filename else ""
        fail(f"{place}{error.strerror or error}", 2)


def customer_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--customer ID`, which must be given; the command gets `customer`."""
    return click.option("--customer", metavar="ID", required=True, help="Whose it is.")(function)


def parsed_address(text: str) -> Address:
    """The address that an argument is; what is none is wrong use, status 2."""
    try:
        return Address.parse(text)
    except AddressError as error:
        raise click.BadParameter(f"{error}; write it like bob@recipient.example") from None


def words(most: int) -> Callable[[str], str]:
    """The type of an option that takes printable text of at most so many characters; white space is tidied."""

    def parsed(text: str) -> str:
        tidy = " ".join(text.split())
        if len(tidy) > most or not tidy.isprintable():
            raise click.BadParameter(f"must be printable text of at most {most} characters")
        return tidy

    parsed.__name__ = "text"
    return parsed


def address_argument(function: Callable[P, R]) -> Callable[P, R]:
    """Add the argument ADDRESS; the command gets `address`, parsed."""
    return click.argument("address", type=parsed_address)(function)


def json_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--json`; the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(function)


def show(rows: Sequence[Mapping[str, object]], as_json: bool, columns: Iterable[str] = ()) -> None:
    """Print rows as a table, in which no cell can steer the terminal, or as a JSON list."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=2, default=str))
        return
    names = list(columns) or list(rows[0] if rows else {})
    cells = [[printable(row.get(name, "")) for name in names] for row in rows]
    click.echo(tabulate(cells, headers=names, tablefmt="simple", disable_numparse=True))


def show_one(row: Mapping[str, object], as_json: bool) -> None:
    """Print one thing: its facts, one a line, what is empty left out; or JSON."""
    if as_json:
        click.echo(json.dumps(row, indent=2, default=str))
        return
    cells = [(name, printable(value)) for name, value in row.items() if value not in (None, "", [], ())]
    click.echo(tabulate(cells, tablefmt="plain", disable_numparse=True))


def printable(value: object) -> str:
    """The value as text for a terminal, on one line: what is not printable is escaped, None is empty."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def checked_policy(settings: Settings) -> Policy:
    """The operator's policy, its rule codes checked, and the operator's profile in the settings; raises ConfigError."""
    profiles = list(shipped())
    if settings.operator.profile not in profiles:
        name = settings.operator.profile
        raise ConfigError(f"settings: operator.profile: no profile {name!r}{nearest(name, profiles)}")
    policy = load_policy(settings.policy_file)
    try:
        bind(policy)
    except UnknownRule as error:
        raise ConfigError(f"{settings.policy_file}: {error}") from None
    return policy


def checked_customers(path: Path) -> tuple[Customer, ...]:
    """The customers in a file, their rule codes and profiles checked; raises ConfigError."""
    customers = load_customers(path)
    profiles = list(shipped())
    for customer in customers:
        for name in customer.profiles:
            if name not in profiles:
                raise ConfigError(
                    f"{path}: customer {customer.id}: profiles: no profile {name!r}{nearest(name, profiles)}"
                )
        try:
            check_codes(customer.actions)
        except UnknownRule as error:
            raise ConfigError(f"{path}: customer {customer.id}: {error}") from None
    return customers


def open_stores(settings: Settings) -> Stores:
    """The registry, closed when the command ends; see `Stores.open`."""
    stores = Stores.open(settings)
    click.get_current_context().call_on_close(stores.close)
    return stores


def known_customer(stores: Stores, customer: str) -> StoredCustomer:
    """The customer as stored; ends the command with status 1 and the nearest id when there is none."""
    try:
        return stores.customers.get(customer)
    except UnknownCustomer as error:
        ids = [one.customer.id for one in stores.customers.list()]
        hint = nearest(customer, ids) if len(ids) <= 20 else "; `postern customers list` shows all"
        fail(f"{error}{hint}")


def record_done(settings: Settings, stores: Stores, **action: Any) -> None:
    """`record_action` for what is done already; ends the command with status 2 when the audit cannot record it."""
    record_all_done(settings, stores, [act_of(**action)])


def record_all_done(settings: Settings, stores: Stores, acts: Sequence[Act]) -> None:
    """The same for several acts; none are harmless."""
    try:
        _record(settings, stores, acts)
    except JournalError as error:
        fail(f"done, but the audit could not record it: {error}", 2)


def record_action(settings: Settings, stores: Stores, **action: Any) -> None:
    """Write one act, made by `act_of`, to the `cli` chain of the audit; durable when it returns."""
    _record(settings, stores, [act_of(**action)])


def act_of(
    *,
    act: str,
    customer: str | None = None,
    target: str | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> Act:
    """An act of whoever gave this command."""
    return Act(actor(), act, customer, target, reason, dict(details or {}))


def _record(settings: Settings, stores: Stores, acts: Sequence[Act]) -> None:
    """All in one opening, which reads the chain's last segment, and in groups. Raises JournalError."""
    if not acts:
        return
    with cli_journal(settings, stores) as journal:
        for each in acts[:-1]:
            journal.note(each)
        journal.append_blocking(acts[-1])
        if journal.dropped:
            raise JournalError(f"{journal.dropped} records could not be written")


@contextlib.contextmanager
def cli_journal(settings: Settings, stores: Stores) -> Iterator[Journal]:
    """The journal `cli`, which all short commands share: one waits for another. Raises JournalError."""
    journal = Evidence(settings, stores, utc_now).open("cli", version=version("postern"), wait_seconds=10)
    try:
        yield journal
    finally:
        journal.close_blocking()


@contextlib.contextmanager
def own_journal(settings: Settings, stores: Stores) -> Iterator[Journal]:
    """A journal for a command that may last, so that no other waits for it: the first of `import-1` to `import-8` that
    no other command has. Raises JournalError."""
    evidence = Evidence(settings, stores, utc_now)
    for number in range(1, _LASTING + 1):
        last = number == _LASTING
        try:
            journal = evidence.open(f"import-{number}", version=version("postern"), wait_seconds=10 if last else 0)
        except JournalLocked:
            if last:
                raise
            continue
        try:
            yield journal
        finally:
            journal.close_blocking()
        return


def actor() -> str:
    """Who runs this command: user name, or number where the system has no name for it, and machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
