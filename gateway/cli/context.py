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
from config.files import ConfigError
from config.policy import Policy, load_policy
from config.settings import Settings, load_settings
from consent.database import RegistryError
from consent.keys import SecretsError
from filters.engine import UnknownRule, bind, check_codes
from gateway.audit.errors import JournalError, JournalLocked
from gateway.audit.record import Act
from gateway.evidence import Evidence
from gateway.stores import Stores

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
    """End the command with status 2 and one line for each thing that is wrong, whatever an operator can put wrong."""
    try:
        yield
    except (ConfigError, SecretsError, RegistryError) as error:
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


def printable(value: object) -> str:
    """The value as text for a terminal, on one line: what is not printable is escaped, None is empty."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def checked_policy(settings: Settings) -> Policy:
    """The operator's policy, its rule codes checked; raises ConfigError."""
    policy = load_policy(settings.policy_file)
    try:
        bind(policy)
    except UnknownRule as error:
        raise ConfigError(f"{settings.policy_file}: {error}") from None
    return policy


def checked_customers(path: Path) -> tuple[Customer, ...]:
    """The customers in a file, their rule codes checked; raises ConfigError."""
    customers = load_customers(path)
    for customer in customers:
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


def record_action(
    settings: Settings,
    stores: Stores,
    *,
    act: str,
    customer: str | None = None,
    target: str | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one operator's act to the `cli` chain of the audit; durable when it returns."""
    journal = Evidence(settings, stores, utc_now).open("cli", version=version("postern"), wait_seconds=10)
    try:
        journal.append_blocking(Act(_actor(), act, customer, target, reason, dict(details or {})))
    finally:
        journal.close_blocking()


def _actor() -> str:
    """Who runs this command: user name, or number where the system has no name for it, and machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
