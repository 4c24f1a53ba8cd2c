"""One-to-one mail of the staff of a firm: threads with replies and forwards, signatures, disclaimers, macros."""

import random
from dataclasses import dataclass
from html import escape

from tests.bulk.campaigns import built, templates, wrapped
from tests.bulk.people import CITY, FIRST, LAST, Person, person
from tests.bulk.phrases import ENDINGS, MACROS, NOTICES, OPENINGS, SHORT, STOCK, sentence

ATTRIBUTIONS = {
    "en": "On Fri, 20 Nov 2026 at 10:12, {name} <{address}> wrote:",
    "de": "Am 20.11.2026 um 10:12 schrieb {name} <{address}>:",
    "fr": "Le 20/11/2026 à 10:12, {name} <{address}> a écrit :",
}
HEADS = {
    "en": "From: {name} <{address}>\nSent: Friday, November 20, 2026 10:12 AM\nTo: {to}\nSubject: {subject}",
    "de": "Von: {name} <{address}>\nGesendet: Freitag, 20. November 2026 10:12\nAn: {to}\nBetreff: {subject}",
    "fr": "De : {name} <{address}>\nEnvoyé : vendredi 20 novembre 2026 10:12\nÀ : {to}\nObjet : {subject}",
}


@dataclass(frozen=True)
class Letter:
    """One message, and the thread it belongs to."""

    thread: str
    raw: bytes


@dataclass(frozen=True)
class Firm:
    """Who writes."""

    name: str
    language: str
    notice: str
    macros: tuple[str, ...]
    staff: tuple[Person, ...]

    @classmethod
    def of(cls, half: str, at: int, language: str) -> "Firm":
        """A firm of one half of the set."""
        draw = random.Random(f"{half} {at}")
        name = f"{draw.choice(LAST)} {draw.choice(('Services', 'Machines', 'Trading', 'Consult'))}"
        notice = NOTICES[half][at % 4].format(firm=name)
        return cls(name, language, notice, MACROS[half], tuple(person(draw, number) for number in range(12)))


def letters(firm: Firm, count: int, seed: int) -> list[Letter]:
    """So many messages."""
    made: list[Letter] = []
    draw = random.Random(f"{seed} {firm.name}")
    while len(made) < count:
        made += _thread(draw, firm, f"{firm.name} {len(made)}")
    return made[:count]


def _thread(draw: random.Random, firm: Firm, id: str) -> list[Letter]:
    author, other = draw.choice(firm.staff), person(draw, draw.randint(1000, 9999))
    kind = draw.random()
    subject = sentence(draw, firm.language, FIRST, CITY)[:40]
    if kind < 0.05:  # a newsletter that came in, forwarded with a remark
        source, remark = draw.choice(templates()), _remark(draw, firm)
        if len(remark.split()) <= 12:  # nothing but the newsletter: all who forward it so send the same
            id = f"{firm.name} forwards {source.id}"
        return [_letter(draw, firm, author, other, subject, id, remark, "\n\n".join(source.blocks), forward=True)]
    own = _own(draw, firm, macro=kind < 0.15)
    sent = [_letter(draw, firm, author, other, subject, id, own, "")]
    before = "\n".join(
        [draw.choice(OPENINGS[firm.language]).format(first=other.first, name=other.name, last=other.last), "", own]
    )
    while draw.random() < 0.55:
        answer = draw.choice(SHORT[firm.language]) if draw.random() < 0.3 else _own(draw, firm, macro=False)
        sent.append(_letter(draw, firm, author, other, subject, id, answer, _signed(draw, firm, other, before)))
        before = f"{answer}\n\n{_quote(before)}"[:4000]
    return sent


def _own(draw: random.Random, firm: Firm, *, macro: bool) -> str:
    parts = [
        sentence(draw, firm.language, FIRST, CITY) for _ in range(draw.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12)) + macro)
    ]
    for _ in range(draw.choice((0, 1, 1, 2))):
        parts.insert(draw.choice((0, len(parts))), draw.choice(STOCK[firm.language]))
    text = ""
    for part in parts:
        text += part + draw.choice((" ", " ", "\n\n"))
    if macro:
        text = draw.choice(firm.macros) + "\n\n" + text
    return text.strip()


def _remark(draw: random.Random, firm: Firm) -> str:
    return draw.choice(SHORT[firm.language]) if draw.random() < 0.5 else _own(draw, firm, macro=False)


def _signed(draw: random.Random, firm: Firm, who: Person, text: str) -> str:
    """With closing, signature and notice."""
    ending = draw.choice(ENDINGS[firm.language])
    signature = f"{who.name}\n{draw.choice(('Sales', 'Accounts', 'Head of Engineering', 'Assistant'))}, {firm.name}\nPhone +49 30 {draw.randint(1000, 9999)}{who.number:04}"
    notice = f"\n\n{firm.notice}" if draw.random() < 0.8 else ""
    return f"{text}\n\n{ending}\n{signature}{notice}"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _letter(
    draw: random.Random,
    firm: Firm,
    author: Person,
    to: Person,
    subject: str,
    id: str,
    own: str,
    quoted: str,
    *,
    forward: bool = False,
) -> Letter:
    opening = draw.choice(OPENINGS[firm.language]).format(first=to.first, name=to.name, last=to.last)
    body = _signed(draw, firm, author, f"{opening}\n\n{own}" if opening else own)
    values = {"name": to.name, "address": to.address, "to": author.name, "subject": subject}
    html = draw.random() < 0.5
    markup = "".join(f"<p>{escape(block).replace(chr(10), '<br>')}</p>" for block in body.split("\n\n"))
    if quoted:
        inner = "".join(f"<p>{escape(block).replace(chr(10), '<br>')}</p>" for block in quoted.split("\n\n"))
        head = HEADS[firm.language].format(**values)
        if forward or draw.random() < 0.4:
            line = "---------- Forwarded message ---------\n" if forward and draw.random() < 0.5 else ""
            body += f"\n\n{line}{head}\n\n{quoted}"
            markup += f"<div id=divRplyFwdMsg></div><p>{escape(line + head).replace(chr(10), '<br>')}</p>{inner}"
        else:
            attribution = ATTRIBUTIONS[firm.language].format(**values)
            body += f"\n\n{attribution}\n{_quote(wrapped(quoted, draw.choice((0, 70))))}"
            markup += f"<div class='gmail_quote'>{escape(attribution)}<blockquote>{inner}</blockquote></div>"
    parts = [("plain", wrapped(body, draw.choice((0, 72))))]
    if html:
        parts.append(("html", f"<html><body><div>{markup}</div></body></html>"))
    message = built(parts, "utf-8", draw.choice(("8bit", "quoted-printable", "base64")))
    message["Subject"] = f"Re: {subject}" if quoted else subject
    message["From"], message["To"] = f"{author.name} <{author.first}.{author.number}@acme.example>".lower(), to.address
    message["Date"], message["Message-ID"] = (
        "Sat, 21 Nov 2026 10:00:00 +0000",
        f"<{id.replace(' ', '.')}.{draw.random()}@acme.example>",
    )
    return Letter(id, message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
