"""Objects: the rows of a JSON file, taken from it one by one.

Three shapes are read, in constant memory: one object per line (NDJSON), a list of objects, and a document in which a
list of objects stands under some name, as in an API's answer; several documents after each other are the pages of one
answer. An object with an e-mail address of its own is a row, not a document.
"""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from consent.imports.row import ImportRefused, RowError

MAX_OBJECT = 120_000
"""Characters of one object as it is written."""
MAX_DEPTH = 3
"""How many names may stand above the list of objects."""
_CHUNK = 1 << 16
_SPACE = " \t\r\n"


def looks_like_json(text: str) -> bool:
    """Whether the start of a file is JSON rather than a table."""
    start = text[:4096].lstrip(_SPACE + "\ufeff")
    rest = start[1:].lstrip(_SPACE)
    return (start[:1] == "{" and rest[:1] in ('"', "}")) or (start[:1] == "[" and rest[:1] in ("{", "]"))


def _number(text: str) -> str:
    """A number with a point or an exponent, written out, so that it reads as seconds since 1970."""
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return text
    return f"{value:.6f}" if abs(value) < 1e15 else text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; raises ValueError for one in which a name stands twice: which one counts?"""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


class _Text:
    """The text of a stream from where it was read to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._buffer = ""
        self._place = 0
        self._ended = False
        self.line = 1
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_unique, parse_float=_number, parse_int=str, parse_constant=str
        )

    def peek(self) -> str:
        """The next character that is not blank, or "" at the end."""
        while True:
            rest = self._buffer[self._place : self._place + 64]
            blank = len(rest) - len(rest.lstrip(_SPACE + "\ufeff"))
            self.line += rest.count("\n", 0, blank)
            self._place += blank
            if blank < len(rest):
                return self._buffer[self._place]
            if self._place >= len(self._buffer) and not self._more():
                return ""

    def take(self, wanted: str) -> str:
        """The next character, which must be one of `wanted`."""
        found = self.peek()
        if not found or found not in wanted:
            raise self.bad()
        self._place += 1
        return found

    def look(self) -> tuple[Any, int] | None:
        """The next value, not taken yet, and where it ends (for `pass_to`); None when it is none or too long."""
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._buffer, self._place)
                # A number may go on in what was not read yet.
                if end < len(self._buffer) or not self._more():
                    return (found, end) if end - self._place <= MAX_OBJECT else None
            except (ValueError, RecursionError):
                if len(self._buffer) - self._place > MAX_OBJECT or not self._more():
                    return None

    def value(self) -> Any:
        """The next value. Raises ImportRefused when there is none, or it is too long."""
        found = self.look()
        if found is None:
            raise self.bad()
        self.pass_to(found[1])
        return found[0]

    def pass_to(self, end: int) -> None:
        """Take everything up to `end`."""
        self.line += self._buffer.count("\n", self._place, end)
        self._place = end

    def skip_line(self) -> None:
        """Pass over what is left of the line."""
        while (end := self._buffer.find("\n", self._place)) < 0:
            self._place = len(self._buffer)
            if not self._more():
                return
        self.pass_to(end + 1)

    def bad(self) -> ImportRefused:
        """What is raised where the text is not JSON."""
        return ImportRefused(
            f"not valid JSON on line {self.line}, or an object of more than {MAX_OBJECT:,} characters, or in which a"
            " name stands twice"
        )

    def _more(self) -> bool:
        if self._ended:
            return False
        chunk = self._stream.read(_CHUNK)
        self._ended = not chunk
        self._buffer = self._buffer[self._place :] + chunk
        self._place = 0
        return bool(chunk)


def objects(stream: TextIO) -> Iterator[tuple[dict[str, Any] | RowError, int]]:
    """The objects that are rows, and the line on which each starts; numbers are texts already.

    A broken line among NDJSON ones is that row's error. Raises ImportRefused when the text is no JSON, ends in the
    middle or holds an object past the bound.
    """
    text = _Text(stream)
    lines = False
    while char := text.peek():
        line = text.line
        found = text.look() if char == "{" else None
        if found is not None and (lines or not _is_document(found[0])):
            lines = True
            text.pass_to(found[1])
            yield found[0], line
        elif lines:
            text.skip_line()
            yield RowError(line, f"not a JSON object of at most {MAX_OBJECT:,} characters without a name twice"), line
        elif char == "[":
            yield from _list(text)
        else:
            yield from _document(text, 1)


def _document(text: _Text, depth: int) -> Iterator[tuple[dict[str, Any] | RowError, int]]:
    """The objects of the lists in the document that comes next."""
    text.take("{")
    if text.peek() == "}":
        text.take("}")
        return
    while True:
        if not isinstance(text.value(), str):
            raise text.bad()
        text.take(":")
        char = text.peek()
        if char == "[":
            yield from _list(text)
        elif char == "{" and depth < MAX_DEPTH:
            yield from _document(text, depth + 1)
        else:
            text.value()
        if text.take(",}") == "}":
            return


def _list(text: _Text) -> Iterator[tuple[dict[str, Any] | RowError, int]]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        text.peek()
        line, found = text.line, text.value()
        if isinstance(found, dict):
            yield found, line
        if text.take(",]") == "]":
            return


def _is_document(found: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether an object has no e-mail address of its own, but holds a list of objects, or an empty one."""
    values = list(found.values())
    if any(isinstance(value, str) and "@" in value for value in values):
        return False
    for value in values:
        if isinstance(value, list) and (not value or any(isinstance(item, dict) for item in value)):
            return True
        if isinstance(value, dict) and depth > 1 and _is_document(value, depth - 1):
            return True
    return False
