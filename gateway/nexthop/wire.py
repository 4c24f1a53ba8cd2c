"""The command lines we send. Pure.

Addresses come here checked; this is the last line of defence against a command hidden in one.
"""

import re
from collections.abc import Iterable

MAX_COMMAND = 2048
"""Octets of a MAIL or RCPT line with its parameters: an address of 254 in UTF-8 and room for those of RFC 3461."""

_UNSAFE_PATH = re.compile(r"[\x00-\x20\x7f<>]")
_UNSAFE_PARAMETER = re.compile(r"[\x00-\x20\x7f-\x9f\s]")
"""UTF-8 stands in the ORCPT of a message that needs SMTPUTF8 (RFC 6533 section 3)."""


def mail_line(reverse_path: str, parameters: Iterable[str] = ()) -> bytes:
    """`MAIL FROM:<…>` with its line end; the empty reverse-path is the null one. Raises ValueError."""
    return _line("MAIL FROM:", reverse_path, parameters)


def rcpt_line(address: str, parameters: Iterable[str] = ()) -> bytes:
    """`RCPT TO:<…>` with its line end. Raises ValueError."""
    if not address:
        raise ValueError("an empty recipient")
    return _line("RCPT TO:", address, parameters)


def _line(verb: str, path: str, parameters: Iterable[str]) -> bytes:
    if _UNSAFE_PATH.search(path):
        raise ValueError("a control character, space or angle bracket in an address")
    line = f"{verb}<{path}>"
    for parameter in parameters:
        if not parameter or _UNSAFE_PARAMETER.search(parameter):
            raise ValueError("a control character or space in a parameter")
        line += f" {parameter}"
    encoded = line.encode("utf-8")
    if len(encoded) > MAX_COMMAND - 2:
        raise ValueError(f"a command line of more than {MAX_COMMAND} octets")
    return encoded + b"\r\n"
