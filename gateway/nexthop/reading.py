"""What an answer of the next hop means for the client. Pure.

The next hop refuses for two kinds of reasons. Either the message or a recipient is at fault: then its refusal is the
client's to know. Or we are, or the line between us: a next hop that does not let us relay, does not know a command,
wants authentication. Passed on, one wrong line in its configuration would bounce everybody's mail; so those become a
temporary refusal and a fault for the operator (design decision 2.3).

| stage | 2yz | 4yz | 5yz |
|---|---|---|---|
| connect, greeting, EHLO, TLS, AUTH | good | our fault | our fault |
| MAIL | good | passed on | our fault |
| RCPT | good | passed on | passed on with x.1.x or x.2.x, else our fault |
| DATA | our fault (354 is good) | passed on | our fault |
| final dot | 25y good, else our fault | passed on | passed on, but for x.3.x and x.5.x |

500 to 504, 530 and 555 are our fault at every stage: they speak of commands, parameters and authentication, and it is
we who sent those. 421 is passed on as 451: the client's own session stays open (design decision 2.9). At RCPT a 550
without enhanced code may mean an unknown user or that we must not relay (RFC 5321 section 4.2.3 gives it for both): it
is read as our fault, for a mistaken 451 delays a message and a mistaken 550 bounces it. After the dot the next hop has
taken sender and recipients, so a bare 550, 552 or 554 is about the content and is passed on.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from filters.model import Reply
from gateway.nexthop.answers import Answer

MAX_TEXT = 300
"""Characters of the next hop's text that go to the client."""
TRY_LATER = "Temporary trouble with the next hop, please try again later"

_OURS = frozenset((500, 501, 502, 503, 504, 530, 555))
_NOT_ASCII = re.compile(r"[^\x20-\x7e]")


class Stage(Enum):
    """How far a session with the next hop has come; each stage names what was sent last."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"

    @property
    def in_transaction(self) -> bool:
        """Whether it needs a message to see if it works again."""
        return self in (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)


_DEFAULTS = {Stage.MAIL: "2.1.0", Stage.RCPT: "2.1.5"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the client is told, and whether the fault is ours."""

    reply: Reply
    fault: str = ""
    """Our fault, for the operator: what the next hop said. Empty when it is not."""


def read(stage: Stage, answer: Answer) -> Reading:
    """What `answer` at `stage` means for the client; total over both. The 354 to DATA is for the caller to see."""
    if len(answer.text) == 1 and len(answer.text[0]) <= _SHORT:
        return _common(stage, answer)
    return _read(stage, answer)


def _read(stage: Stage, answer: Answer) -> Reading:
    code = answer.code
    if 400 <= code < 500 and stage.in_transaction:
        return Reading(Reply(_proper(code), answer.enhanced or "4.0.0", shown(answer, TRY_LATER)))
    if code >= 500 and _theirs(stage, answer):
        return Reading(Reply(_proper(code), answer.enhanced or "5.0.0", shown(answer, "Refused by the next hop")))
    if _good(stage, code):
        return Reading(Reply(250, answer.enhanced or _DEFAULTS.get(stage, "2.0.0"), shown(answer, "Ok")))
    return Reading(ours(), answer.line)


_SHORT = 64
_common = lru_cache(maxsize=256)(_read)
"""For short answers, most of which are the same few."""


def ours(enhanced: str = "4.4.0", text: str = TRY_LATER) -> Reply:
    """The reply where the fault is ours or the line's: nothing bounces for it."""
    return Reply(451, enhanced, text)


def shown(answer: Answer, default: str) -> str:
    """The text of an answer as a Reply takes it: printable ASCII, one line, MAX_TEXT characters."""
    text = answer.text[0] if len(answer.text) == 1 else " ".join(filter(None, answer.text))
    if not text.isascii() or not text.isprintable():
        text = _NOT_ASCII.sub("?", text)
    return text[:MAX_TEXT].strip() or default


def _good(stage: Stage, code: int) -> bool:
    if stage is Stage.DATA:
        return False
    # Any other 2yz after the dot answers something else: to take it for an acceptance could lose the message.
    return 250 <= code < 260 if stage is Stage.DOT else code < 300


def _theirs(stage: Stage, answer: Answer) -> bool:
    """Whether a 5yz is about the message or the recipient, not about us."""
    if answer.code in _OURS:
        return False
    subject = answer.enhanced.split(".")[1] if answer.enhanced else ""
    if stage is Stage.RCPT:
        return subject in ("1", "2")
    return stage is Stage.DOT and subject not in ("3", "5")


def _proper(code: int) -> int:
    """A code the client can be given: 421 would make it leave, and 460 to 499 and the like are no SMTP codes."""
    if code == 421 or (code < 500 and code % 100 >= 60):
        return 451
    return 554 if code % 100 >= 60 else code
