"""`postern notices`: the wordings people were shown."""

from pathlib import Path
from typing import Any

import click
from msgspec.structs import asdict

from config.settings import Settings
from consent.model import micros
from consent.notices import MOST_CHARACTERS, Notice, NoticeConflict, NoticeStore
from consent.words import time_text
from gateway.cli.context import (
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_done,
    show,
    show_one,
    utc_now,
)


@click.group("notices")
def command() -> None:
    """Keep and show the wordings that people were shown when they consented.

    A consent names its notice by id. The text under an id is never changed: new wording is a new notice.

    \b
    Keep one:        postern notices add signup-3 --customer acme --file signup.txt --language en
    Show them:       postern notices list --customer acme
    """


@command.command("add")
@click.argument("number", metavar="ID")
@customer_option
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Holds the text, UTF-8.")
@click.option("--text", help="The text itself.")
@click.option("--language", metavar="TAG", default="", help="BCP 47, such as en or pt-BR.")
@click.option("--url", default="", help="The page it stands on, or the policy it refers to.")
@click.option("--default-checked", is_flag=True, help="The box is ticked beforehand: no express consent comes of it.")
@click.option(
    "--withdrawal-statement/--no-withdrawal-statement",
    default=None,
    help="Whether it says that consent can be withdrawn.",
)
@click.option("--html-sha256", metavar="HASH", default="", help="Of the page's snapshot, which you keep yourself.")
@config_option
def add(number: str, customer: str, file: Path | None, text: str | None, settings: Settings, **given: Any) -> None:
    """Keep the exact wording that people were shown, under an id, for good.

    Exit status 1 when another text stands under that id.

    Example: postern notices add signup-3 --customer acme --file signup.txt --language en
    """
    if (file is None) == (text is None):
        fail("give the wording by --file or by --text", 2)
    stores = open_stores(settings)
    known_customer(stores, customer)
    wording = text if file is None else _read(file)
    notice = Notice(id=number, text=wording or "", recorded=micros(utc_now()), **given)
    try:
        added = NoticeStore(stores.consent_database).put(customer, notice)
    except NoticeConflict as error:
        fail(str(error))
    if not added:
        click.echo(f"notice {number!r} stood so already; nothing was changed")
        return
    details = {"sha256": notice.sha256, "default_checked": notice.default_checked}
    record_done(settings, stores, act="notices add", customer=customer, target=number, details=details)
    click.echo(f"notice {number!r} is kept, SHA-256 {notice.sha256}")


@command.command("list")
@customer_option
@config_option
@json_option
def list_(customer: str, settings: Settings, as_json: bool) -> None:
    """Show a customer's notices, one line each.

    Example: postern notices list --customer acme
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    rows = [_row(each) for each in NoticeStore(stores.consent_database).all(customer)]
    if not as_json:
        for row in rows:
            row["text"] = row["text"][:60] + ("…" if len(row["text"]) > 60 else "")
        if not rows:
            click.echo("no notices yet; `postern notices add` keeps the first", err=True)
    show(rows, as_json, ("id", "language", "default_checked", "recorded", "text"))


@command.command("show")
@click.argument("number", metavar="ID")
@customer_option
@config_option
@json_option
def show_(number: str, customer: str, settings: Settings, as_json: bool) -> None:
    """Show one notice whole.

    Example: postern notices show signup-3 --customer acme
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    show_one(_row(NoticeStore(stores.consent_database).get(customer, number)), as_json)


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        data = opened.read(MOST_CHARACTERS * 4 + 1)
    try:
        # The line end that an editor puts after the last line is no part of what people were shown.
        return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        fail(f"{file}: not UTF-8: save it as UTF-8 and try again", 2)


def _row(notice: Notice) -> dict[str, Any]:
    return asdict(notice) | {"sha256": notice.sha256, "recorded": time_text(notice.recorded)}
