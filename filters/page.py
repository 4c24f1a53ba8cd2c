"""Page: the elements of an HTML part as a tree. Pure, and bounded in octets, elements and depth.

The parser tells its tags one by one, so time is linear however they nest. Comments are dropped, and with them what only
Outlook reads (`<!--[if mso]>`); nothing is fetched.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

LONGEST = 2 * 1024 * 1024
"""Characters of a part that are read."""
MOST_ELEMENTS = 50_000
DEEPEST = 256
"""Elements within one another. Chromium stops at 512, some readers at 256."""

_OF_HEAD = frozenset((
    "base", "basefont", "bgsound", "link", "meta", "noframes", "noscript", "script", "style", "template",
    "title",
))  # fmt: skip
"""What may stand in `head`; anything else ends it (HTML section 13.2.6.4.4), which the parser overlooks."""


class TooMuch(ValueError):
    """The part is beyond a bound and is not judged; the text says beyond which."""


@dataclass(slots=True, eq=False)
class Element:
    """One element, with what it holds in order."""

    name: str
    """In lower case."""
    attributes: dict[str, str]
    parent: "Element | None"
    index: int = 0
    """Among the elements of its parent, from 0."""
    elements: "list[Element]" = field(default_factory=list)
    """The elements right within it."""
    parts: "list[Element | str]" = field(default_factory=list)
    """Those and its text, in order."""

    classes: frozenset[str] = frozenset()
    """The names of its classes, as written."""

    def lineage(self) -> "Iterator[Element]":
        """The element itself, then what it stands in, up to the root."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    def within(self) -> "Iterator[Element]":
        """Every element within it, in order."""
        stack = list(reversed(self.elements))
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.elements))

    @property
    def text(self) -> str:
        """All text within it, as it stands, with the alternative text of its images."""
        return "".join(self.texts())

    def texts(self) -> "Iterator[str]":
        """The same, piece by piece."""
        stack: list[Element | str] = [self]
        while stack:
            part = stack.pop()
            if isinstance(part, str):
                yield part
                continue
            if part.name == "img":
                yield f" {part.attributes.get('alt', '')} "
            stack.extend(reversed(part.parts))


@dataclass(slots=True, eq=False)
class Page:
    """What was read of one HTML part."""

    root: Element
    links: list[Element]
    """Every `a` with an `href`, in order."""
    styles: list[Element]
    """Every `style`, in order."""
    quirks: bool
    """It names no document type, so that lengths need no unit (HTML section 15.1, "quirks mode")."""
    texts: list[str]
    """All text within the root's elements but those that are a `style` or `script`, piece by piece, with the
    alternative text of its images."""


def read(html: str) -> Page:
    """The tree of an HTML part; raises TooMuch."""
    if len(html) > LONGEST:
        raise TooMuch(f"longer than {LONGEST // 1024} KiB")
    builder = _Builder()
    parser = etree.HTMLParser(target=builder, recover=True, no_network=True, huge_tree=True)
    try:
        parser.feed(html.replace("\x00", "").encode("utf-8", "replace").decode())
        parser.close()
    except (etree.ParserError, etree.XMLSyntaxError):
        pass  # empty, or what was read until here counts
    if builder.excess:
        raise TooMuch(builder.excess)
    if builder.moved:
        builder.texts = [f"{each.text} " for each in builder.root.elements if each.name not in ("style", "script")]
    return Page(builder.root, builder.links, builder.styles, builder.quirks, builder.texts)


class _Builder:
    """What the parser tells its tags and text to."""

    def __init__(self) -> None:
        self.root = Element("#page", {}, None)
        self.links: list[Element] = []
        self.styles: list[Element] = []
        self.quirks = True
        self.texts: list[str] = []
        """As they are told, which is their order unless something was moved."""
        self.moved = False
        self.excess = ""
        self._open = [self.root]
        self._count = 0

    def doctype(self, name: str | None, *_ids: str | None) -> None:
        self.quirks = (name or "").lower() != "html"

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            self.excess = f"more than {MOST_ELEMENTS} elements"
        if len(self._open) > DEEPEST:
            self.excess = self.excess or f"elements nested more than {DEEPEST} deep"
        if self.excess:
            return
        parent = self._open[-1]
        if parent.name == "head" and parent.parent is not None and tag.lower() not in _OF_HEAD:
            parent, self.moved = parent.parent, True
        element = Element(tag.lower(), dict(attributes) if attributes else {}, parent, len(parent.elements))
        if "class" in element.attributes:
            element.classes = frozenset(element.attributes["class"].split())
        parent.elements.append(element)
        parent.parts.append(element)
        self._open.append(element)
        if parent is self.root:
            self.moved = self.moved or len(self.root.elements) > 1 or element.name in ("style", "script")
        if element.name == "a" and "href" in element.attributes:
            self.links.append(element)
        elif element.name == "img":
            self.texts.append(f" {element.attributes.get('alt', '')} ")
        elif element.name == "style":
            self.styles.append(element)

    def end(self, tag: str) -> None:
        if len(self._open) > 1 and not self.excess:
            self._open.pop()

    def data(self, text: str) -> None:
        if not self.excess:
            self._open[-1].parts.append(text)
            if len(self._open) > 1:
                self.texts.append(text)

    def close(self) -> None:
        """Nothing more is built."""
