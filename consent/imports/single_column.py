"""Single column: a file of addresses and nothing else, which does not say why they are in it.

It may be opt-outs or bounces, and just as well the addresses somebody wants to mail. Formats that know such a file by
its name stand before this one; this one asks (spec/imports.md: "ask what it means").
"""

from collections.abc import Sequence

from consent.imports.row import Context, Format, ImportRefused, ReadRow

_ADDRESS = frozenset({"email", "e-mail", "email address", "e-mail address", "email_address", "emailaddress", "mail"})


def _matches(header: Sequence[str], _filename: str) -> bool:
    return len(header) == 1 and header[0] in _ADDRESS


def _ask(_header: Sequence[str], _context: Context) -> ReadRow:
    raise ImportRefused(
        "A file with one column of addresses does not say what it means to be in it. If they are not to be mailed, say"
        " why with --format or &format=: hubspot-opt-outs (opted out of everything), klaviyo-suppressed or"
        " generic-suppression. If they are to be mailed, add the columns that prove each consent (generic)."
    )


FORMATS: tuple[Format, ...] = (Format("single-column", "Addresses in one column, meaning unknown", _matches, _ask),)
