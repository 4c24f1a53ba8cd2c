"""Text of HTML as lines, without what is not shown, and what is marked as a quotation set apart. Pure.

It is a stream of tags that is read, not a tree, so time is linear however tags nest. Only what a tag itself says hides
it here; style sheets do not count.
"""

from typing import NamedTuple

from lxml import etree

_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
    "nav", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
))  # fmt: skip
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
))  # fmt: skip
_UNSEEN = frozenset((
    "head", "script", "style", "template", "title", "noscript", "object", "svg", "math", "select", "textarea",
))  # fmt: skip
_HIDING = {
    ("display", "none"),
    ("visibility", "hidden"),
    ("mso-hide", "all"),
    ("opacity", "0"),
    ("font-size", "0"),
    ("font-size", "0px"),
    ("font-size", "1px"),
    ("max-height", "0"),
    ("max-height", "0px"),
}
_QUOTES = frozenset(("gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "zmail_extra"))
_SIGNATURES = frozenset(("gmail_signature", "moz-signature", "protonmail_signature_block"))
_QUOTED_FROM_HERE = frozenset(("divrplyfwdmsg", "appendonsend", "x_divrplyfwdmsg"))
"""What Outlook puts before the message that is answered: all behind it is quoted."""


class Lines(NamedTuple):
    """Text by lines."""

    texts: list[str]
    """Each without white space around it. An empty one parts paragraphs."""
    quoted: frozenset[int] = frozenset()
    """The numbers, from 0, of those that are marked as a quotation or a signature."""


def lines_of_text(text: str) -> Lines:
    """The lines of plain text."""
    return Lines(list(map(str.strip, text.splitlines())))


def lines_of_html(html: str) -> Lines:
    """The text of HTML as a recipient reads it, block by block."""
    target = _Target()
    parser = etree.HTMLParser(target=target, recover=True, no_network=True)
    try:
        parser.feed(html.replace("\x00", ""))
        parser.close()
    except etree.ParserError:
        pass  # empty
    except etree.XMLSyntaxError:
        pass  # what was read until here counts
    target.end_line()
    return Lines(target.texts, frozenset(target.quoted))


class _Target:
    """What the parser tells its tags and text to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.quoted: list[int] = []
        self._line: list[str] = []
        self._unseen = 0
        """How many open tags there are from the one on that is not shown."""
        self._quoted = 0
        self._behind = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "br":
            self.end_line(parted=False)
        elif tag in _BLOCKS:
            self.end_line()
        if tag in _VOID:
            if tag == "img" and not self._unseen and attributes.get("alt"):
                self._line.append(f" {attributes['alt']} ")
            return
        if self._unseen:
            self._unseen += 1
        elif tag in _UNSEEN or (attributes and _is_hidden(attributes)):
            self._unseen = 1
        if self._quoted:
            self._quoted += 1
        elif attributes and _is_quoted(tag, attributes):
            self.end_line()
            self._quoted = 1
        if attributes and attributes.get("id", "").lower() in _QUOTED_FROM_HERE:
            self.end_line()
            self._behind = True

    def end(self, tag: str) -> None:
        if tag in _VOID:
            return
        if tag in _BLOCKS:
            self.end_line()
        if self._unseen:
            self._unseen -= 1
        if self._quoted:
            if self._quoted == 1:
                self.end_line()
            self._quoted -= 1

    def data(self, text: str) -> None:
        if not self._unseen:
            self._line.append(text)

    def close(self) -> None:
        """Nothing is built."""

    def end_line(self, *, parted: bool = True) -> None:
        """What stands behind is on another line, and in another paragraph where it is `parted`."""
        if self._line:
            text = " ".join("".join(self._line).split())
            self._line.clear()
            if text:
                if self._quoted or self._behind:
                    self.quoted.append(len(self.texts))
                self.texts.append(text)
        if parted and self.texts and self.texts[-1]:
            self.texts.append("")


def _is_hidden(attributes: dict[str, str]) -> bool:
    if "hidden" in attributes:
        return True
    style = attributes.get("style", "")
    if not style:
        return False
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        if (name.strip(), value.replace("!important", "").strip()) in _HIDING:
            return True
    return False


def _is_quoted(tag: str, attributes: dict[str, str]) -> bool:
    if tag == "blockquote" and attributes.get("type", "").lower() == "cite":
        return True
    classes = attributes.get("class", "").lower().split()
    return any(name in _QUOTES or name in _SIGNATURES for name in classes)
