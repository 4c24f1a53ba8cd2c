"""Campaigns: a template merged for each recipient, and the eight kinds of variation that merges may have beside it."""

import random
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from html import escape

from tests.bulk.people import fields, person
from tests.bulk.templates_english import ENGLISH
from tests.bulk.templates_others import OTHERS
from tests.bulk.transactional import TRANSACTIONAL

KINDS = ("merge", "tokens", "order", "padding", "subject", "encoding", "noise", "wording")
"""Names and figures only; tokens in URLs; blocks in another order; added text; subject, greeting and closing; character
set, transfer encoding, HTML or plain, line length; HTML that says nothing; other words and sentences left out.
Each kind has the first one, too."""
_CHOICE = re.compile(r"\[([^]|]+)\|([^]]+)\]")
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """One campaign's text."""

    id: str
    language: str
    subject: str
    blocks: tuple[str, ...]
    html: bool


def templates() -> list[Template]:
    """All campaigns, one text each."""
    parts = [f"en {text.strip()}" for text in ENGLISH.strip().split("\n===\n")] + OTHERS.strip().split("\n===\n")
    return [_template(f"campaign-{at}", text, at) for at, text in enumerate(parts)]


def receipts() -> list[Template]:
    """All transactional texts."""
    parts = TRANSACTIONAL.strip().split("\n===\n")
    return [_template(f"receipt-{at}", f"en {text.strip()}", at) for at, text in enumerate(parts)]


def _template(id: str, text: str, at: int) -> Template:
    head, *blocks = text.split("\n")
    language, _, subject = head.partition(" ")
    return Template(id, language, subject, tuple(blocks), html=at % 3 != 0)


FOOTER = {
    "en": "You receive this message because you gave us your address. {firm}, 12 Mill Lane, Exampletown\nUnsubscribe: https://u.example/{token}",
    "de": "Sie erhalten diese Nachricht, weil Sie uns Ihre Adresse gegeben haben. {firm}, Mühlweg 12, Musterstadt\nAbmelden: https://u.example/{token}",
    "fr": "Vous recevez ce message parce que vous nous avez confié votre adresse. {firm}, 12 rue du Moulin, Exempleville\nSe désabonner : https://u.example/{token}",
    "es": "Recibe este mensaje porque nos dio su dirección. {firm}, calle del Molino 12, Villaejemplo\nDarse de baja: https://u.example/{token}",
}
CLOSINGS = {
    "en": (
        "Best regards,\nYour team at {firm}",
        "Kind regards\n{firm}",
        "Yours,\nthe people of {firm}",
        "See you soon!\n{firm}",
    ),
    "de": ("Mit freundlichen Grüßen\nIhr Team von {firm}", "Viele Grüße\n{firm}", "Ihre {firm}"),
    "fr": ("Cordialement,\nL'équipe de {firm}", "À bientôt !\n{firm}"),
    "es": ("Un saludo,\nel equipo de {firm}", "Hasta pronto\n{firm}"),
}
GREETINGS = ("Good morning {first}!", "Hi there,", "{name},", "Hello {first} from {city}", "To {name}", "")
PADDING = [
    "river",
    "stone",
    "cloud",
    "seven",
    "lamp",
    "orange",
    "window",
    "beneath",
    "corner",
    "signal",
    "velvet",
    "thunder",
    "pocket",
    "margin",
    "ladder",
    "copper",
    "meadow",
    "button",
    "silent",
    "harbour",
    "wheel",
    "ginger",
    "folder",
    "basket",
    "lantern",
    "willow",
    "marble",
    "engine",
    "candle",
    "violet",
    "anchor",
    "breeze",
    "saddle",
    "timber",
    "falcon",
    "puzzle",
    "hollow",
    "cotton",
    "ribbon",
    "canyon",
    "pepper",
    "mirror",
    "tunnel",
    "garden",
    "helmet",
    "island",
    "jacket",
    "kettle",
    "lemon",
    "magnet",
    "needle",
    "oyster",
    "pillow",
    "quiver",
    "rocket",
    "shadow",
    "ticket",
    "umbrella",
    "valley",
    "walnut",
    "yellow",
    "zipper",
]


def merged(template: Template, kind: str, firm: str, number: int, seed: int) -> bytes:
    """One message of a campaign, for the recipient of that number."""
    draw = random.Random(f"{seed} {template.id} {kind} {number}")
    whom = person(draw, number)
    values = {**fields(draw, whom), "firm": firm}
    subject, blocks = template.subject, list(template.blocks)
    greeting, blocks = blocks[0], blocks[1:]
    closing = CLOSINGS.get(template.language, CLOSINGS["en"])[0]
    if kind == "order":
        draw.shuffle(blocks)
    if kind == "subject":
        subject = draw.choice(
            (
                f"{whom.first}, {subject}",
                f"SALE: {subject}",
                f"Re: {subject}",
                f"{draw.choice(PADDING)} {values['code']}",
                "News for you",
                f"[{values['n']}] for {whom.city}",
            )
        )
        greeting, closing = draw.choice(GREETINGS), draw.choice(CLOSINGS.get(template.language, CLOSINGS["en"]))
    if kind == "wording":
        blocks = _rewritten(draw, blocks)
    if kind == "tokens":
        values["link"] = draw.choice(
            (
                f"https://{values['token'].lower()}.click.example/",
                f"https://www.shop.example/r?u={values['token']}&e={whom.address}",
                f"http://t.example/{values['token']}",
            )
        )
    texts = [
        _merge(
            _CHOICE.sub(lambda found: found[1] if kind != "wording" or draw.random() < 0.5 else found[2], block), values
        )
        for block in blocks
    ]
    if kind == "tokens":
        texts.append(f"Ref {values['code']}-{values['n']}")
    hidden = ""
    if kind == "padding":
        share = draw.uniform(0.1, 0.5)
        words = [
            draw.choice(PADDING) + draw.choice(("", "s", "er", "y"))
            for _ in range(int(share * sum(len(text.split()) for text in texts)))
        ]
        padding = " ".join(words)
        if template.html and draw.random() < 0.4:
            hidden = padding
        else:
            texts.insert(draw.choice((0, len(texts))), padding)
    ends = [_merge(closing, values), _merge(FOOTER.get(template.language, FOOTER["en"]), values)]
    lines = [_merge(greeting, values), *texts, *ends]
    return _message(
        draw, template, kind, _merge(subject, values), [line for line in lines if line], hidden, whom.address, firm
    )


def _rewritten(draw: random.Random, blocks: list[str]) -> list[str]:
    """One sentence left out or said twice, one of ten words changed."""
    sentences = [[each for each in re.split(r"(?<=[.!?。])\s*", block) if each] for block in blocks]
    longest = max(sentences, key=len)
    if len(longest) > 1 and draw.random() < 0.7:
        longest.pop(draw.randrange(len(longest)))
    return [
        " ".join(
            word if draw.random() > 0.06 or word[0] in "{[" or "|" in word or "}" in word else draw.choice(PADDING)
            for word in " ".join(block).split(" ")
            if word
        )
        for block in sentences
    ]


def _merge(text: str, values: dict[str, str]) -> str:
    return _FIELD.sub(lambda found: values[found[1]], text)


def as_html(draw: random.Random, blocks: list[str], *, noise: bool, hidden: str = "", token: str = "") -> str:
    """A page with these blocks; with noise, full of what says nothing."""
    if not noise:
        paragraphs = "\n".join(f"<p>{_linked(block)}</p>" for block in blocks)
        unseen = f'<div style="display:none;max-height:0">{hidden}</div>' if hidden else ""
        return f"<html><head><title>News</title><style>p {{ color: #333 }}</style></head><body>{unseen}\n{paragraphs}\n<img src='https://t.example/o/{token}.gif' width=1 height=1 alt=''></body></html>"
    cells = []
    for block in blocks:
        words = []
        for word in _linked(block).split(" "):
            if len(word) > 3 and word.isalpha() and draw.random() < 0.2:
                cut = draw.randint(1, len(word) - 1)
                nothing = (
                    "<span></span>",
                    f"<!-- {draw.random()} -->",
                    "&shy;",
                    "&#8203;",
                    f"<i class=x{draw.randint(1, 9999)}></i>",
                )
                words.append(word[:cut] + draw.choice(nothing) + word[cut:])
            else:
                words.append(word)
        tag = draw.choice(("td", "td class=c", "TD align=left", f"td id=i{draw.randint(1, 10**6)}"))
        cells.append(f"<tr><{tag}><font size=3>{' '.join(words)}</font></{tag.split(' ')[0]}></tr>")
    style = f"<style>.x{draw.randint(1, 9999)} {{ color: red }}</style><script>var a = '{draw.random()}';</script>"
    unseen = f"<span style='font-size:0px'>{' '.join(draw.choices(PADDING, k=30))}</span>"
    return f"<!doctype html><HTML><head>{style}</head><body bgcolor=#fefe{draw.randint(10, 99)}><table>{draw.choice(('', '<!-- v2 -->'))}<tr><td>{unseen}<table>{''.join(cells)}</table></td></tr></table></body></HTML>"


def _linked(block: str) -> str:
    text = escape(block, quote=False).replace("\n", "<br>\n")
    return re.sub(r"(https?://\S+)", r'<a href="\1">\1</a>', text)


def _message(
    draw: random.Random, template: Template, kind: str, subject: str, blocks: list[str], hidden: str, to: str, firm: str
) -> bytes:
    html = template.html or kind == "noise"
    charset, encoding, form = "utf-8", draw.choice(("quoted-printable", "8bit")), "both" if html else "plain"
    width = 0
    if kind == "encoding":
        form = draw.choice(("both", "plain", "html"))
        encoding = draw.choice(("quoted-printable", "base64", "8bit"))
        width = draw.choice((0, 60, 72, 78))
        charset = draw.choice(("utf-8", "iso-8859-1", "windows-1252", "utf-16"))
    token = f"{draw.random():.16f}"[2:]
    parts = []
    if form != "html":
        parts.append(("plain", wrapped("\n\n".join(blocks), width)))
    if form != "plain":
        parts.append(("html", as_html(draw, blocks, noise=kind == "noise", hidden=hidden, token=token)))
    message = built(parts, charset, encoding)
    message["Subject"], message["From"], message["To"] = subject, f"{firm} <news@acme.example>", to
    message["Date"], message["Message-ID"] = "Sat, 21 Nov 2026 10:00:00 +0000", f"<{token}@acme.example>"
    return as_crlf(message)


def as_crlf(message: EmailMessage | MIMEMultipart | MIMEText) -> bytes:
    """Its octets, lines ending in CRLF."""
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def wrapped(text: str, width: int) -> str:
    """Lines broken at so many characters; 0: not at all."""
    lines = []
    for line in text.split("\n"):
        rest = line
        while width and len(rest) > width and " " in rest[:width]:
            cut = rest[:width].rindex(" ")
            lines.append(rest[:cut])
            rest = rest[cut + 1 :]
        lines.append(rest)
    return "\n".join(lines)


def built(parts: list[tuple[str, str]], charset: str, encoding: str) -> EmailMessage | MIMEMultipart | MIMEText:
    """A MIME message of text parts, with one alternative each."""
    made = [_part(subtype, text, charset, encoding) for subtype, text in parts]
    if len(made) == 1:
        return made[0]
    whole = MIMEMultipart("alternative", boundary="=_alternatives")
    for each in made:
        whole.attach(each)
    return whole


def _part(subtype: str, text: str, charset: str, encoding: str) -> MIMEText:
    try:
        octets = text.encode(charset)
    except UnicodeEncodeError:
        octets, charset = text.encode(), "utf-8"
    part = MIMEText("", subtype)
    del part["Content-Type"], part["Content-Transfer-Encoding"]
    part["Content-Type"] = f'text/{subtype}; charset="{charset}"'
    if charset == "utf-16" or encoding == "base64":
        from base64 import encodebytes

        part["Content-Transfer-Encoding"] = "base64"
        part.set_payload(encodebytes(octets).decode())
    elif encoding == "quoted-printable":
        from quopri import encodestring

        part["Content-Transfer-Encoding"] = "quoted-printable"
        part.set_payload(encodestring(octets).decode())
    else:
        part["Content-Transfer-Encoding"] = "8bit"
        part.set_payload(octets.decode("ascii", "surrogateescape"))
    return part
