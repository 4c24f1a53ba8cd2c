"""What somebody wrote for this one message: without quoted mail, signature, disclaimer and greeting. Pure.

These are habits of mail programs and of people, in the languages they are written in; none is a promise. What they
miss is found out by the index, which sees that a text stands in much different mail (gateway/ledger/clusters.py).
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from filters.lines import Lines

_LONGEST_TAIL = 120
"""Words of what may be a signature: a longer text behind a closing counts as written for the message."""
_ATTRIBUTION = re.compile(
    r"\b(?:wrote|writes|schrieb|schreef|skrev|kirjoitti|napisał(?:\(a\)|a)?|a écrit|escribió|escreveu"
    r"|ha scritto|написал(?:\(а\)|а)?)"
    r"\b.{0,40}:\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION_WHOLE = re.compile(r"[\d@].*:\s*$")
_SHORT = 6
"""Words of a line that may be a greeting or a closing."""
_WORD = re.compile(r"[^\W\d_]+")
_DATED = re.compile(r"\d|@")
_SEPARATOR = re.compile(
    r"[-_=*\s]{0,20}(?:(?:original|forwarded|weitergeleitete|ursprüngliche|doorgestuurd|oorspronkelijk|reenviado"
    r"|original|transféré|d'origine|inoltrato|originale)\b[\w' ]{0,20}|(?:begin|début du) [\w ]{0,20}"
    r"|(?:message|mensaje|mensagem"
    r"|messaggio) [\w' ]{0,20})[-_=*:\s]{1,20}$",
    re.IGNORECASE,
)
_HEAD = re.compile(r"\*?(?:from|von|de|da|van|fra|från|od|от|差出人|发件人)\s?:\*?\s", re.IGNORECASE)
_HEADS = re.compile(
    r"\*?(?:sent|date|gesendet|datum|envoyé|enviado(?: el)?|fecha|data|inviato|verzonden|subject|betreff|objet|asunto"
    r"|assunto|oggetto|onderwerp|to|an|à|para|a|aan|送信日時|日期|件名|主题)\s?:",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?:best|kind|warm|kindest|warmest|many)\s)?(?:regards|wishes|thanks)\b|sincerely|yours\b|cheers\b"
    r"|thank you,?$|all the best"
    r"|best,?$|respectfully|mit (?:\w+ )?grü(?:ß|ss)en|(?:viele|beste|liebe|schöne|herzliche"
    r"|freundliche) grü(?:ß|ss)e|gruß|grüße|vg$|mfg$|lg$"
    r"|(?:bien )?cordialement|cordiales? salutations|bien à (?:vous|toi)|meilleures salutations|salutations"
    r"|amicalement|sincères salutations"
    r"|(?:un )?(?:cordial )?saludos?|atentamente|un abrazo|cordiali saluti|distinti saluti|saluti|un saluto|grazie,?$"
    r"|met vriendelijke groet|groet(?:en|jes)?|com os melhores cumprimentos|atenciosamente|cumprimentos"
    r"|abraços?|z poważaniem|pozdrawiam"
    r"|med vänlig hälsning|med venlig hilsen|vennlig hilsen|с уважением|よろしくお願い|此致|祝好",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"(?:hi|hey|hello|dear|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|liebe[rs]?"
    r"|sehr geehrte[rs]?|moin|servus"
    r"|bonjour|bonsoir|cher|chère|chers|salut|coucou|hola|buenos días|buenas|estimad[oa]s?|querid[oa]s?|ciao"
    r"|buongiorno|gentile|caro|cara"
    r"|beste|geachte|olá|bom dia|boa tarde|car[oa]|prezad[oa]|dzień dobry|cześć|szanown[yai]|hej|kära|kære"
    r"|здравствуйте|добрый день)\b",
    re.IGNORECASE,
)
_DISCLAIMER = (
    "confidential", "intended recipient", "intended solely", "intended only", "privileged", "in error", "disclos",
    "unauthoris", "unauthoriz", "disseminat", "delete it", "delete this", "views expressed", "opinions expressed",
    "virus", "registered in", "registered office", "registered number", "company no", "company number",
    "company registration", "vertraulich", "irrtümlich", "bestimmungsgemäß", "adressat", "unbefugt", "vernichten",
    "handelsregister", "geschäftsführer", "amtsgericht", "confidentiel", "destinataire", "par erreur", "divulg",
    "détruire", "confidencial", "destinatario", "por error", "notifique", "eliminar", "riservat", "per errore",
    "vertrouwelijk", "geadresseerde", "destinatário", "consider the environment", "avant d'imprimer",
    "antes de imprimir", "siège social", "registro mercantil",
)  # fmt: skip
"""Two of them in one paragraph make it a disclaimer, or the particulars of a company."""
_STEMS = (
    "confiden", "intended", "privileged", "error", "erreur", "disclos", "unauthori", "disseminat", "delete",
    "expressed", "virus", "regist", "company", "vertr", "irrt", "bestimmungsgem", "adress", "unbefugt", "vernichten",
    "geschäftsf", "amtsgericht", "destinat", "divulg", "détruire", "notifique", "eliminar", "riservat",
    "environment", "imprim", "siège",
)  # fmt: skip
"""Of each of them, something that stands in one of its words."""
_HARMLESS: set[str] = set()
"""Words of mail that hold none of the stems."""
_MOST_HARMLESS = 16_384
_LONGEST_HARMLESS = 64
"""Letters of one that is kept: else what is kept could be made as large as all mail."""
_DEVICE = re.compile(
    r"(?:sent (?:from|via)|get outlook|(?:von meinem|gesendet (?:von|mit))|envoyé (?:de|depuis)"
    r"|enviado (?:desde|do)|inviato da"
    r"|verzonden vanaf|external e?-?mail\b|\[?external\]?$|caution:)",
    re.IGNORECASE,
)
_MARKS = frozenset(">-_=*")
"""What quoted lines, and those that part a quotation from what stands above it, begin with."""
_HEADED = frozenset("fFvVdDoOоО差发")
"""What the first field of a quoted mail begins with, by `_HEAD`."""
_DEVICE_LETTERS = frozenset("sSgGvVeEiI[cC")
_DEVICES = frozenset(("se", "ge", "vo", "en", "in", "ve", "ex", "[e", "ca"))
"""What those lines begin with."""


class Own(NamedTuple):
    """One text, taken apart."""

    written: list[str]
    """The lines that were written for this message, with what people always write."""
    names: set[str]
    """Of who wrote them."""
    quoted: list[str]
    """The lines that quote other mail, likewise."""
    others: set[str]
    """Names of those who wrote or were written to there."""


def own_text(lines: Lines, author: str = "") -> Own:
    """What was written for this message, and what quotes other mail.

    `author` is the name that From shows: a line with nothing else begins a signature.
    """
    texts, marked = lines
    names = _names(author)
    spots = [
        at
        for at, text in enumerate(texts)
        if text and (text[0] in _MARKS or (":" in text and (text[-1] == ":" or text[0] in _HEADED)))
    ]
    end = next((at for at in spots if at not in marked and _begins_quotation(texts, at)), len(texts))
    apart = marked.union(at for at in spots if texts[at][0] == ">")
    written = [text for at, text in enumerate(texts[:end]) if at not in apart] if apart else texts[:end]
    if end == len(texts) and not apart:
        return Own(written, names, [], names)
    others = set(names)
    if end < len(texts):
        before = texts[end - 1] if end else ""
        others |= _names(before) | _names(texts[end])
        if texts[end].endswith(":") and before and written and not _ATTRIBUTION_WHOLE.search(texts[end]):
            written.pop()  # the other half of this line
    for at in marked:
        if "@" in texts[at] or _HEAD.match(texts[at]):
            others |= _names(texts[at])
    quoted = [text.lstrip("> ") for at, text in enumerate(texts) if at >= end or at in apart]
    return Own(written, names, quoted, others)


def _names(text: str) -> set[str]:
    return set(_WORD.findall(text[:300].casefold()))


def _begins_quotation(texts: Sequence[str], at: int) -> bool:
    """Whether what a mail program puts above the mail that is answered or forwarded stands here."""
    text = texts[at]
    if len(text) > 300:
        return False
    if text.endswith(":"):
        # Programs break this line anywhere.
        whole = f"{texts[at - 1][-300:]} {text}" if at else text
        if _ATTRIBUTION.search(whole) and _DATED.search(whole):
            return True
    if _HEAD.match(text):
        following = [line for line in texts[at + 1 : at + 8] if line][:4]
        return sum(bool(_HEADS.match(each)) for each in following) >= 2
    return len(text) < 80 and text[0] in "-_=*" and bool(_SEPARATOR.match(text))


def without_habits(lines: list[str], names: set[str]) -> tuple[list[str], list[str]]:
    """The lines without greeting, signature and what devices add, and the lines that were left out."""
    first = next((at for at, line in enumerate(lines) if line), 0)
    end = _end(lines, first, names)
    kept = [line for line in lines[:end] if line]
    left_out = [
        line for line in kept if line[0] in _DEVICE_LETTERS and line[:2].lower() in _DEVICES and _DEVICE.match(line)
    ]
    if left_out:
        kept = [line for line in kept if line not in left_out]
    if kept and kept[0] is lines[first] and _greets(kept[0]):
        left_out.append(kept.pop(0))
    return kept, left_out + lines[end:]


def _end(lines: list[str], first: int, names: set[str]) -> int:
    """The number of the line with which a signature begins, in the last words of the text."""
    end, left = len(lines), 0
    for at in range(len(lines) - 1, first - 1, -1):
        words = lines[at].split(None, _LONGEST_TAIL + 1)
        if words and _ends(lines[at], first=at == first, short=len(words) <= _SHORT, names=names):
            end = at
        left += len(words)
        if left > _LONGEST_TAIL:
            break
    return end


def _greets(line: str) -> bool:
    return len(line.split(None, _SHORT)) <= _SHORT and bool(_GREETING.match(line) or line.endswith(","))


def _ends(line: str, *, first: bool, short: bool, names: set[str]) -> bool:
    """Whether a signature begins: with its mark, a closing, or the writer's name."""
    if line == "--":
        return True
    if first or not short:
        return False
    return bool(_CLOSING.match(line)) or set(_WORD.findall(line.casefold())) <= names


def disclaims(words: Sequence[str]) -> bool:
    """Whether there may be a disclaimer in a text of these words (casefolded); seldom where there is none."""
    if _HARMLESS.issuperset(words):
        return False
    unknown = {word for word in words if word not in _HARMLESS}
    telling = {word for word in unknown if any(stem in word for stem in _STEMS)}
    if len(_HARMLESS) > _MOST_HARMLESS:
        _HARMLESS.clear()
    _HARMLESS.update(word for word in unknown - telling if len(word) <= _LONGEST_HARMLESS)
    return bool(telling)


def without_disclaimers(lines: list[str]) -> list[str]:
    """The lines without the paragraphs that are disclaimers."""
    markers = _markers("\n".join(lines), _DISCLAIMER)
    if len(markers) < 2:
        return lines
    kept: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line:
            paragraph.append(line)
            continue
        if len(_markers(" ".join(paragraph), markers)) < 2:
            kept += [*paragraph, ""]
        paragraph = []
    return kept


def _markers(text: str, among: Iterable[str]) -> list[str]:
    text = text.lower()
    return [marker for marker in among if marker in text]
