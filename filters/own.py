"""What somebody wrote for this one message: without quoted mail, signature, disclaimer and greeting. Pure.

These are habits of mail programs and of people, in the languages they are written in; none is a promise. What they
miss is found out by the index, which sees that a text stands in much different mail (gateway/ledger/clusters.py).
"""

import re
from collections.abc import Iterable, Sequence

from filters.lines import Line

_LONGEST_TAIL = 120
"""Words of what may be a signature: a longer text behind a closing counts as written for the message."""
_ATTRIBUTION = re.compile(
    r"\b(?:wrote|writes|schrieb|schreef|skrev|kirjoitti|napisał(?:\(a\)|a)?|a écrit|escribió|escreveu"
    r"|ha scritto|написал(?:\(а\)|а)?)"
    r"\b.{0,40}:\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION_WHOLE = re.compile(r"[\d@].*:\s*$")
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
_DEVICE = re.compile(
    r"(?:sent (?:from|via)|get outlook|(?:von meinem|gesendet (?:von|mit))|envoyé (?:de|depuis)"
    r"|enviado (?:desde|do)|inviato da"
    r"|verzonden vanaf|external e?-?mail\b|\[?external\]?$|caution:)",
    re.IGNORECASE,
)


def own_text(lines: Sequence[Line], author: str = "") -> tuple[list[str], list[str]]:
    """The lines that were written for this message, and those that quote other mail.

    `author` is the name that From shows: a line with nothing else begins a signature.
    """
    written: list[str] = []
    quoted: list[str] = []
    names = _names(author)
    others = set(names)
    behind = False
    for at, line in enumerate(lines):
        if not line.quoted and not behind and _begins_quotation(lines, at):
            behind = True
            before = lines[at - 1].text if at else ""
            others |= _names(before) | _names(line.text)
            if line.text.endswith(":") and before and written and not _ATTRIBUTION_WHOLE.search(line.text):
                written.pop()  # the other half of this line
        if behind or line.quoted or line.text.startswith(">"):
            if line.quoted and ("@" in line.text or _HEAD.match(line.text)):
                others |= _names(line.text)
            quoted.append(line.text.lstrip("> "))
        else:
            written.append(line.text)
    return _without_habits(written, names), _without_habits(quoted, others)


def _names(text: str) -> set[str]:
    return set(_WORD.findall(text[:300].casefold()))


def _begins_quotation(lines: Sequence[Line], at: int) -> bool:
    """Whether what a mail program puts above the mail that is answered or forwarded stands here."""
    text = lines[at].text
    if not text or len(text) > 300:
        return False
    if text.endswith(":"):
        # Programs break this line anywhere.
        whole = f"{lines[at - 1].text[-300:]} {text}" if at else text
        if _ATTRIBUTION.search(whole) and _DATED.search(whole):
            return True
    if _HEAD.match(text):
        following = [line.text for line in lines[at + 1 : at + 8] if line.text][:4]
        return sum(bool(_HEADS.match(each)) for each in following) >= 2
    return len(text) < 80 and text[0] in "-_=*" and bool(_SEPARATOR.match(text))


def _without_habits(lines: list[str], names: set[str]) -> list[str]:
    lines = _without_disclaimers(lines)
    words = [len(line.split()) for line in lines]
    left = sum(words)
    first = True
    kept: list[str] = []
    for line, count in zip(lines, words, strict=True):
        left -= count
        if not line:
            continue
        short = count <= 6
        if left <= _LONGEST_TAIL and _ends(line, first=first, short=short, names=names):
            break
        if not (first and short and (_GREETING.match(line) or line.endswith(","))) and not _DEVICE.match(line):
            kept.append(line)
        first = False
    return kept


def _ends(line: str, *, first: bool, short: bool, names: set[str]) -> bool:
    """Whether a signature begins: with its mark, a closing, or the writer's name."""
    if line == "--":
        return True
    if first or not short:
        return False
    return bool(_CLOSING.match(line)) or set(_WORD.findall(line.casefold())) <= names


def _without_disclaimers(lines: list[str]) -> list[str]:
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
