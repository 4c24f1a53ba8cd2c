"""Answer: one reply of the next hop; AnswerParser makes answers of the bytes as they come. Pure: no I/O."""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_LINE = 4096
"""Octets of a reply line. RFC 5321 section 4.5.3.1.5 says 512; others' filters send more."""
MAX_LINES = 100
MAX_SHOWN = 4096
"""Characters of `Answer.line`: what may go into the audit."""

_SHORT = 64
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|\Z)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply of the next hop (RFC 5321 section 4.2)."""

    code: int
    text: tuple[str, ...]
    """Its lines without code and enhanced code; printable, not always ASCII."""
    enhanced: str | None = None
    """The enhanced status code (RFC 2034) if there is one and its class is the code's."""

    @property
    def positive(self) -> bool:
        """Whether it says 2yz."""
        return 200 <= self.code < 300

    @property
    def line(self) -> str:
        """All of it on one line, such as `250 2.0.0 Ok: queued as 4XyZ`; cut to MAX_SHOWN characters."""
        words = [str(self.code), *([self.enhanced] if self.enhanced else []), *filter(None, self.text)]
        return " ".join(words)[:MAX_SHOWN]


class AnswerParser:
    """Replies out of a byte stream, however it is cut.

    Lines may end in a bare LF. A line that is no reply line, one longer than MAX_LINE, more than MAX_LINES lines, or
    lines of one reply with different codes break the stream for good: `broken` then says why.
    """

    __slots__ = ("_code", "_lines", "_tail", "broken")

    def __init__(self) -> None:
        self.broken = ""
        self._tail = b""
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def between(self) -> bool:
        """Whether no part of a reply is waiting for its rest."""
        return not self._tail and not self._lines

    def feed(self, data: bytes) -> list[Answer]:
        """The replies that `data` completes, in order. Never raises; nothing more comes once `broken` is set."""
        answers: list[Answer] = []
        if self.broken:
            return answers
        *lines, self._tail = (self._tail + data if self._tail else data).split(b"\n")
        for line in lines:
            if len(line) <= _SHORT and not self._lines and (whole := _common(line)) is not None:
                answers.append(whole)
                continue
            self.broken = self._fault(line)
            if self.broken:
                return answers
            self._code = line[:3]
            self._lines.append(line)
            if line[3:4] != b"-":
                answers.append(_answer(self._code, self._lines))
                self._lines = []
        if len(self._tail) > MAX_LINE:
            self.broken = f"a line of more than {MAX_LINE} octets"
        return answers

    def _fault(self, line: bytes) -> str:
        """Why a line is no line of the present reply; empty when it is."""
        if len(line) > MAX_LINE:
            return f"a line of more than {MAX_LINE} octets"
        if not _has_code(line):
            return "a line that does not begin with a reply code"
        if self._lines and line[:3] != self._code:
            return "different codes in one reply"
        return f"a reply of more than {MAX_LINES} lines" if len(self._lines) >= MAX_LINES else ""


def _has_code(line: bytes) -> bool:
    """Whether it begins as the line of a reply does."""
    code = line[:3]
    return len(code) == 3 and code.isdigit() and b"2" <= code < b"6" and line[3:4] in (b" ", b"-", b"\r", b"")


@lru_cache(maxsize=256)
def _common(line: bytes) -> Answer | None:
    """The answer that a short line is, None where it is not a whole one: most are the same few, and making one costs
    ten times a look-up."""
    return _answer(line[:3], [line]) if _has_code(line) and line[3:4] != b"-" else None


def _answer(code: bytes, lines: list[bytes]) -> Answer:
    texts = [_text(line) for line in lines]
    match = _ENHANCED.match(texts[0])
    # An enhanced code of another class is none (RFC 2034 section 4); it stays in the text.
    if match is None or ord(match[1][0]) != code[0]:
        return Answer(int(code), tuple(texts))
    enhanced, skip = match[1], match.end()
    # Each line of a multi-line reply repeats the enhanced code (RFC 2034 section 4).
    rest = [text[len(enhanced) :].lstrip(" ") if text.startswith(enhanced) else text for text in texts[1:]]
    return Answer(int(code), (texts[0][skip:], *rest), enhanced)


def _text(line: bytes) -> str:
    text = line[4:].decode("utf-8", "replace").rstrip("\r ")
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
