"""Visible: which links of an HTML part a recipient can see (R-128). Pure.

There is no layout here. What counts is what is declared, by style attributes, style sheets and HTML's own attributes,
and inherited: display, visibility, opacity, the size of letters, their contrast with what is behind them, places far
outside the page, boxes without size that clip. A link is seen when a piece of text or an image in it is. Images are
taken for not loaded, as many readers show mail at first: behind a text is the colour beneath the image.

`tests/visible` holds what headless Chromium says of the same, and where the two differ and why.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from filters.media import WIDTHS
from filters.page import Element, Page, read
from filters.sheet import Matcher, Rule, declared, sheet
from filters.style import LOOKED_AT, Style, root_style, styled
from filters.values import Colour, Values

SMALLEST = 6.0
"""CSS pixels of letters, and of a box that clips, below which nothing is read."""
LEAST_CONTRAST = 2.0
"""Ratio of WCAG 2 section 1.4.3 below which text is not seen."""
LEAST_OPACITY = 0.2
"""Of an image."""
AWAY = 500.0
"""CSS pixels to the left of or above its place at which something is outside the page."""
FAR = 2000.0
"""The same to the right, where a page can be scrolled."""
MOST_PIECES = 50
"""Texts and images of one link that are looked at."""
MOST_VERDICTS = 64
"""Pieces whose verdicts are remembered with a style sheet."""
LONGEST_KEY = 4096
"""Characters of what a piece and all that it stands in have, up to which its verdict is remembered."""
_SMALLEST_IMAGE = 3.0
_PAGE = 800.0
"""CSS pixels of which a percentage is taken that has no width to refer to here."""

_UNSEEN = frozenset((
    "head", "title", "style", "script", "template", "noframes", "noembed", "textarea", "select", "option",
    "optgroup", "datalist", "object", "applet", "embed", "iframe", "audio", "video", "canvas", "svg", "math",
    "meter", "progress", "param", "source", "track", "colgroup", "col", "frameset", "input",
))  # fmt: skip
"""Elements whose content is not shown, or not as text; `noscript` is: readers run no scripts."""
_IN_TABLES = ("table", "inline-table", "table-cell", "table-row", "table-row-group", "table-header-group",
              "table-footer-group")  # fmt: skip
"""Displays that grow with their content."""
_CLOSED = frozenset(("details", "dialog"))


class Link(NamedTuple):
    """One link of an HTML part."""

    href: str
    """As written, without white space around it."""
    element: Element

    @property
    def text(self) -> str:
        """What stands in it, with the alternative texts of its images, on one line; at most 300 characters."""
        return _line(self.element)


class _Face(NamedTuple):
    """What the look of an element depends on, whatever the width."""

    rules: Sequence[Rule]
    own: tuple[Values, Values]
    key: str
    """This and the same of all that it stands in; "" where that is longer than LONGEST_KEY."""


_OF_ROOT = _Face((), ({}, {}), "/")


class Shown:
    """An HTML part as a recipient sees it, on screens of some widths."""

    def __init__(self, html: str) -> None:
        """Reads the part; raises TooMuch."""
        self._page: Page = read(html)
        text = "\n".join(_text(element) for element in self._page.styles if _is_screen(element))
        self._sheet = sheet(text, self._page.quirks)
        self._matcher = Matcher(self._sheet)
        self._faces: dict[Element, _Face] = {self._page.root: _OF_ROOT}
        self._styles: dict[tuple[Element, int], Style] = {}

    @property
    def links(self) -> Iterator[Link]:
        """Its links, in order."""
        return map(_link, self._page.links)

    @property
    def hrefs(self) -> list[str]:
        """Where they lead."""
        return [element.attributes["href"].strip() for element in self._page.links]

    @property
    def links_from_the_end(self) -> Iterator[Link]:
        """The same, the last first: a footer's stand there."""
        return map(_link, reversed(self._page.links))

    @cached_property
    def text(self) -> str:
        """All its text, hidden or not, as it stands."""
        return "".join(self._page.texts)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths on which it is to be judged: one where no media query makes a difference."""
        return WIDTHS if self._sheet.has_media else WIDTHS[:1]

    def around(self, link: Link) -> str:
        """The text of the table cell, paragraph or list item in which a link stands, where that is short."""
        for each in link.element.lineage():
            if each.name in ("td", "p", "div", "li", "th", "center", "body"):
                text = _line(each, 600)
                return text if len(text) < 600 else ""
        return ""

    def unseen(self, link: Link, width: int) -> str:
        """Why a link is not seen on a screen of this width, in CSS pixels; "" where it is. Raises TooMuch."""
        why = "it holds nothing to see"
        for number, piece in enumerate(_pieces(link.element)):
            if number >= MOST_PIECES:
                break
            why = self._why(piece, width)
            if not why:
                return ""
        return why

    def _why(self, piece: Element, width: int) -> str:
        """Why a piece is not seen. What that depends on is its key: in a campaign that of a message before."""
        key, verdicts = self._face(piece).key, self._sheet.verdicts
        if not key:
            return self._judged(piece, width)
        why = verdicts.get((width, key))
        if why is None:
            why = self._judged(piece, width)
            if len(verdicts) >= MOST_VERDICTS:
                verdicts.clear()
            verdicts[width, key] = why
        return why

    def _face(self, element: Element) -> _Face:
        """That of an element, and of all that it stands in."""
        faces, missing = self._faces, list[Element]()
        for each in element.lineage():
            if each in faces:
                break
            missing.append(each)
        for each in reversed(missing):
            assert each.parent is not None
            above = faces[each.parent].key
            given, own = each.attributes, _OF_ROOT.own
            if "style" in given:
                own = declared(given["style"], self._page.quirks)
            rules = self._matcher.of(each)
            key = ""
            if above:
                traits = [(name, name == "href" or value) for name, value in given.items() if name in LOOKED_AT]
                key = f"{above}{(each.name, traits, [rule.order for rule in rules])}"
            faces[each] = _Face(rules, own, key if len(key) <= LONGEST_KEY else "")
        return faces[element]

    def _style(self, element: Element, width: int) -> Style:
        known = self._styles.get((element, width))
        if known is not None:
            return known
        missing: list[Element] = []
        for each in element.lineage():
            if (each, width) in self._styles:
                break
            missing.append(each)
        for each in reversed(missing):
            if each.parent is None:
                self._styles[each, width] = root_style()
                continue
            face = self._faces[each]
            rules = [rule for rule in face.rules if width in rule.widths]
            above = self._styles[each.parent, width]
            self._styles[each, width] = styled(each, rules, face.own, above, width, quirks=self._page.quirks)
        return self._styles[element, width]

    def _judged(self, piece: Element, width: int) -> str:
        style = self._style(piece, width)
        is_image = piece.name == "img"
        if style.visibility != "visible":
            return "visibility"
        if not is_image and style.size < SMALLEST:
            return "letters too small"
        if is_image:
            sides = (style.pixels("width", width), style.pixels("height", None))
            if any(side is not None and side < _SMALLEST_IMAGE for side in sides):
                return "image without size"
        chain = [(each, self._style(each, width)) for each in piece.lineage() if each.parent is not None]
        for index, (each, found) in enumerate(chain):
            why = _gone(each, found, chain[index - 1][0] if index else None) or _away(found, width)
            if why:
                return why
        if style.indent <= -AWAY or style.indent >= FAR:
            return "text-indent"
        return _faint(style, [found for _, found in chain], is_image=is_image)


def _gone(element: Element, style: Style, within: Element | None) -> str:
    """Why an element shows nothing of what is in it. `within` is the element in it that leads to the link."""
    if element.name in _UNSEEN:
        return f"in {element.name}"
    closed = element.name in _CLOSED and "open" not in element.attributes
    if closed and (element.name == "dialog" or within is None or within.name != "summary"):
        return f"in a closed {element.name}"
    if style.display == "none":
        return "display: none"
    if style.values.get("content-visibility") == "hidden":
        return "content-visibility"
    if style.values.get("clip-path") or (style.values.get("clip") and style.is_out):
        return "clipped"
    if style.values.get("transform") and style.is_box:
        return "transform"
    if style.is_box and style.display not in _IN_TABLES and style.clips:
        for name in ("width", "max-width", "height", "max-height"):
            size = style.pixels(name, _PAGE if "width" in name else None)
            if size is not None and size < SMALLEST:
                return f"{name} with overflow"
    return ""


def _away(style: Style, width: int) -> str:
    """Why a box is outside the page."""
    if style.values.get("position", "static") not in ("static", "sticky"):
        for name in ("left", "top", "right", "bottom"):
            moved = style.pixels(name, width)
            if moved is None:
                continue
            ahead = moved if name in ("left", "top") else -moved
            if ahead <= -AWAY or (ahead >= FAR and name in ("left", "right")):
                return f"{name} outside the page"
    for name in ("margin-left", "margin-top"):
        moved = style.pixels(name, width)
        if moved is not None and (moved <= -AWAY or (name == "margin-left" and moved >= FAR)):
            return f"{name} outside the page"
    return ""


def _faint(style: Style, chain: list[Style], *, is_image: bool) -> str:
    """Why a piece cannot be told from what is behind it."""
    ink, ground, opacity = style.ink, Colour(0, 0, 0, 0), 1.0
    for each in chain:
        for layer in (each.image, each.ground):
            if layer is not None:
                ink, ground = _over(ink, layer), _over(ground, layer)
        opacity *= each.opacity
        if each.opacity != 1:
            ink = ink._replace(alpha=ink.alpha * each.opacity)
            ground = ground._replace(alpha=ground.alpha * each.opacity)
    if is_image:
        return "opacity" if opacity < LEAST_OPACITY else ""
    white = Colour(1, 1, 1)
    return "contrast" if contrast(_over(ink, white), _over(ground, white)) < LEAST_CONTRAST else ""


def _over(above: Colour, below: Colour) -> Colour:
    """One colour over another (Compositing and Blending section 5.1)."""
    alpha = above.alpha + below.alpha * (1 - above.alpha)
    if alpha == 0:
        return Colour(0, 0, 0, 0)
    share = above.alpha / alpha
    red, green, blue = (top * share + under * (1 - share) for top, under in zip(above[:3], below[:3], strict=True))
    return Colour(red, green, blue, alpha)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two opaque colours, from 1 to 21 (WCAG 2, "contrast ratio")."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in (colour.red, colour.green, colour.blue)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _pieces(link: Element) -> Iterator[Element]:
    """The elements right in which a link has text, and its images."""
    if any(isinstance(part, str) and _is_shown(part) for part in link.parts):
        yield link
    for each in link.within():
        if each.name == "img" or any(isinstance(part, str) and _is_shown(part) for part in each.parts):
            yield each


_BLANK = str.maketrans("", "", "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u00a0")


def _is_shown(text: str) -> bool:
    return bool(text.translate(_BLANK).strip())


def _link(element: Element) -> Link:
    return Link(element.attributes["href"].strip(), element)


def _line(element: Element, most: int = 300) -> str:
    """Its text on one line, of which so many characters are read."""
    found, length, enough = list[str](), 0, 2 * most
    for part in element.texts():
        found.append(part)
        length += len(part)
        if length > enough:
            line = " ".join("".join(found).split())
            if len(line) > most:
                return line[:most]
            enough = 2 * length
    return " ".join("".join(found).split())[:most]


def _text(style: Element) -> str:
    """A style sheet, without the comment in which old pages wrap it."""
    text = "".join(part for part in style.parts if isinstance(part, str))
    return text.replace("<!--", " ").replace("-->", " ")


def _is_screen(style: Element) -> bool:
    words = style.attributes.get("media", "all").lower().replace(",", " ").split()
    return not words or "all" in words or any(word.startswith(("screen", "only", "(")) for word in words)
