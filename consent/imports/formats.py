"""Formats: every kind of file that is understood, in order, and which of them a file is.

A file is recognised by its header, and where that leaves a doubt by its name; what is still in doubt is asked, never
guessed. The first format that matches is taken, so those with the narrowest signatures stand first and those without a
header last.
"""

from collections.abc import Sequence
from difflib import get_close_matches

from consent.imports import (
    activecampaign,
    brevo,
    cloudflare,
    constant_contact,
    generic,
    hubspot,
    kit,
    klaviyo,
    listmonk,
    mailchimp,
    mailup,
    sendgrid,
    ses,
    single_column,
    suppression,
    telnyx,
)
from consent.imports.row import Format, ImportRefused
from consent.imports.table import titled

FORMATS: tuple[Format, ...] = (
    *generic.FORMATS,
    *telnyx.FORMATS,
    *mailchimp.FORMATS,
    *hubspot.FORMATS,
    *brevo.FORMATS,
    *listmonk.FORMATS,
    *mailup.FORMATS,
    *constant_contact.FORMATS,
    *activecampaign.FORMATS,
    *kit.FORMATS,
    *klaviyo.FORMATS,
    *sendgrid.FORMATS,
    *suppression.FORMATS,
    *ses.FORMATS,
    *single_column.FORMATS,
    *cloudflare.FORMATS,
)
AUTO = "auto"


def detect(header: Sequence[str], filename: str = "", wanted: str = AUTO) -> Format:
    """The format of a file with this first row and name (or none, "").

    `wanted` names a format, which is then taken whatever the header looks like (its reader refuses what it cannot
    read), or a platform ("mailchimp"), of whose formats the one that matches is taken; "auto" or "" leave it open.
    Raises ImportRefused with the question to answer, and the option that answers it.
    """
    columns = tuple(cell.strip().strip("\ufeff").strip().casefold() for cell in header)
    name, wanted = filename.casefold(), wanted.strip().casefold().replace("_", "-")
    among = FORMATS if wanted in ("", AUTO) else _family(wanted)
    if len(among) == 1:
        return among[0]
    for each in among:
        if each.matches(columns, name):
            return each
    exact = [each for each in among if each.name == wanted]
    if exact:
        return exact[0]
    if among is not FORMATS:
        raise ImportRefused(
            f"{_seen(columns)} That is none of {_names(among)}: name the one it is with --format or &format=."
        )
    raise ImportRefused(_unknown(columns))


def unread(found: Format, header: Sequence[str]) -> list[str]:
    """The columns of a file that its format does not read, as they are written, for the report; none where a format
    does not tell all that it reads."""
    return [cell for cell in header if found.columns and cell.strip().casefold() not in found.columns]


def _family(wanted: str) -> tuple[Format, ...]:
    """The formats of that name, or of that platform. Raises ImportRefused with the nearest names."""
    found = tuple(each for each in FORMATS if each.name == wanted or each.name.startswith(f"{wanted}-"))
    if found:
        return found
    every = [each.name for each in FORMATS]
    near = get_close_matches(wanted[:60], every, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ImportRefused(f"no such format: {hint}The formats are {', '.join(every)}.")


def _unknown(columns: Sequence[str]) -> str:
    if any("@" in cell for cell in columns):
        if len(columns) == 1:
            return (
                "The file is a bare list of addresses, which does not say what it means to be in it. If they are not to"
                " be mailed, put the line email above them and say so (--format or &format=generic-suppression); if"
                " they are, add the columns that prove each consent (--format or &format=generic)."
            )
        return (
            "The file has no header line, and its columns are none that are known without one: put their names in the"
            " first line, or say what it is with --format or &format=."
        )
    return (
        f"{_seen(columns)} No format that is known has these. Say which it is with --format or &format="
        f" ({_names(FORMATS)}), or name the columns as the format generic does: email, event_state, event_time,"
        " source_ref, ip, notice_id."
    )


def _seen(columns: Sequence[str]) -> str:
    if any("@" in cell for cell in columns):  # a row, and not a header: it may name a person
        return "The file has no header line."
    return f"The columns of the file are {titled(columns)}."


def _names(formats: Sequence[Format]) -> str:
    return ", ".join(each.name for each in formats)
