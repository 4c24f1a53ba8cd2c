"""Sheet: the style rules of an HTML part and which of them an element has. Pure, and bounded in octets, rules, steps.

Selectors are parsed by a library and matched here from right to left, each step remembered: matched one ancestor after
the other, `a b c d` on nested elements takes a time that grows with the power of its length.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import tinycss2
from cssselect2 import parser
from tinycss2.nth import parse_nth

from filters.media import WIDTHS, holds
from filters.page import Element, TooMuch
from filters.values import PROPERTIES, Values, read

LONGEST = 128 * 1024
"""Characters of style sheets in a part; mail readers take far less."""
MOST_SELECTORS = 4000
MOST_STEPS = 100_000
"""Comparisons of an element with a piece of a selector, for one part."""
_USUAL = 8 * 1024
"""Characters of style sheets of which many are remembered."""
_USUAL_STYLE = 512
"""Characters of a `style` attribute that is remembered."""
_DEEPEST = 5
"""At-rules within one another."""

Node = Any
"""A node of cssselect2's parser, which has no types."""

_STATES = frozenset((
    "visited", "hover", "active", "focus", "focus-within", "focus-visible", "target", "target-within",
    "checked", "disabled", "indeterminate", "required", "invalid", "default", "placeholder-shown",
    "read-only", "autofill", "fullscreen", "modal",
))  # fmt: skip
"""Pseudo-classes that hold for no element of a message that is only shown."""
_PLACES = frozenset((
    "link", "any-link", "first-child", "last-child", "only-child", "first-of-type", "last-of-type",
    "only-of-type", "root", "empty",
))  # fmt: skip
_NTH = frozenset(("nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type"))


_EVERY = frozenset(WIDTHS)


class Rule(NamedTuple):
    """One selector of a style rule with what it declares."""

    tree: Node
    specificity: tuple[int, ...]
    order: int
    plain: Values
    important: Values
    widths: frozenset[int]
    """Those of `WIDTHS` on which all media queries around it hold."""


class Sheet:
    """The rules of a part's style sheets, by what the last piece of their selectors asks."""

    def __init__(self) -> None:
        self.by_id: dict[str, list[Rule]] = {}
        self.by_class: dict[str, list[Rule]] = {}
        self.by_name: dict[str, list[Rule]] = {}
        self.others: list[Rule] = []
        self.count = 0
        self.has_media = False
        self.verdicts: dict[tuple[int, str], str] = {}
        """What `filters.visible` has found out under these rules; it keeps them few."""

    def add(self, rule: Rule, *, media: bool) -> None:
        """Put in one more, of a media query or of none; raises TooMuch."""
        self.count += 1
        if self.count > MOST_SELECTORS:
            raise TooMuch(f"more than {MOST_SELECTORS} selectors")
        self.has_media = self.has_media or media
        last = rule.tree.right if isinstance(rule.tree, parser.CombinedSelector) else rule.tree
        place = self.others
        for simple in last.simple_selectors:
            if isinstance(simple, parser.IDSelector):
                place = self.by_id.setdefault(simple.ident, [])
                break
            if isinstance(simple, parser.ClassSelector):
                place = self.by_class.setdefault(simple.class_name, [])
            elif isinstance(simple, parser.LocalNameSelector) and place is self.others:
                place = self.by_name.setdefault(simple.lower_local_name, [])
        place.append(rule)

    def near(self, element: Element) -> list[Rule]:
        """The rules whose selector may match an element."""
        found: list[Rule] = []
        if element.attributes:
            found += self.by_id.get(element.attributes.get("id", ""), ())
            for name in element.classes:
                found += self.by_class.get(name, ())
        found += self.by_name.get(element.name, ())
        found += self.others
        return found


def sheet(text: str, quirks: bool) -> Sheet:
    """The rules of style sheets; raises TooMuch. The messages of a campaign share theirs."""
    return (_usual_sheet if len(text) <= _USUAL else _long_sheet)(text, quirks)


def _sheet(text: str, quirks: bool) -> Sheet:
    if len(text) > LONGEST:
        raise TooMuch(f"style sheets longer than {LONGEST // 1024} KiB")
    made = Sheet()
    try:
        _take(made, tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True), None, 0, quirks)
    except RecursionError:
        raise TooMuch("a selector nested too deep") from None
    return made


_usual_sheet = lru_cache(maxsize=64)(_sheet)
_long_sheet = lru_cache(maxsize=4)(_sheet)


def forget() -> None:
    """Read all anew: for what measures that."""
    for known in (_usual_sheet, _long_sheet, _usual_style):
        known.cache_clear()


def declared(text: str, quirks: bool) -> tuple[Values, Values]:
    """What a `style` attribute declares, plain and important; raises TooMuch. Not to be changed: others share it."""
    return (_usual_style if len(text) <= _USUAL_STYLE else _style)(text, quirks)


def _style(text: str, quirks: bool) -> tuple[Values, Values]:
    if len(text) > LONGEST:
        raise TooMuch(f"a style attribute longer than {LONGEST // 1024} KiB")
    return _declarations(tinycss2.parse_blocks_contents(text), quirks)


_usual_style = lru_cache(maxsize=512)(_style)


def _declarations(nodes: Sequence[Any], quirks: bool) -> tuple[Values, Values]:
    plain: dict[str, Any] = {}
    important: dict[str, Any] = {}
    for node in nodes:
        if node.type == "declaration" and node.lower_name in PROPERTIES:
            found = read(node.lower_name, node.value, quirks=quirks)
            if found:
                (important if node.important else plain).update(found)
    return plain, important


def _take(made: Sheet, nodes: Sequence[Any], widths: frozenset[int] | None, depth: int, quirks: bool) -> None:
    """Put in what stands within media queries so deep, which hold on these widths; None where there is no query."""
    for node in nodes:
        if node.type == "at-rule" and node.content is not None:
            inner, deep = widths, depth
            if node.lower_at_keyword == "media":
                inner = frozenset(each for each in (WIDTHS if widths is None else widths) if holds(node.prelude, each))
                deep += 1
            elif node.lower_at_keyword not in ("supports", "layer", "document", "-moz-document"):
                continue
            if deep > _DEEPEST:
                raise TooMuch(f"at-rules nested more than {_DEEPEST} deep")
            within = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            _take(made, within, inner, deep, quirks)
        elif node.type == "qualified-rule":
            plain, important = _declarations(tinycss2.parse_blocks_contents(node.content), quirks)
            if plain or important:
                shown = _EVERY if widths is None else widths
                for selector in _selectors(node.prelude):
                    rule = Rule(selector.parsed_tree, selector.specificity, made.count, plain, important, shown)
                    made.add(rule, media=widths is not None)


def _selectors(prelude: Sequence[Any]) -> list[Node]:
    """The selectors of a rule. Where one of them is none, browsers drop the rule, and so it is here."""
    try:
        found = list(parser.parse(prelude))
        for each in found:
            _check(each.parsed_tree)
    except (ValueError, AttributeError, TypeError, AssertionError):  # SelectorError is a ValueError
        return []
    return [each for each in found if each.pseudo_element is None]


def _check(node: Node) -> None:
    """Raises ValueError for a selector that holds what is not known."""
    if isinstance(node, parser.CombinedSelector):
        _check(node.left)
        _check(node.right)
        return
    for simple in node.simple_selectors:
        if isinstance(simple, parser.PseudoClassSelector):
            if simple.name not in _STATES and simple.name not in _PLACES:
                raise ValueError(simple.name)
        elif isinstance(simple, parser.FunctionalPseudoClassSelector):
            if simple.name == "lang":
                continue
            if simple.name not in _NTH or parse_nth(simple.arguments) is None:
                raise ValueError(simple.name)
        elif hasattr(simple, "selector_list"):
            for each in simple.selector_list:
                _check(getattr(each, "selector", each).parsed_tree)


class Matcher:
    """Which rules the elements of one page have."""

    def __init__(self, rules: Sheet) -> None:
        self._rules = rules
        self._steps = 0
        self._known: dict[tuple[int, int], bool] = {}

    def of(self, element: Element) -> list[Rule]:
        """The rules that an element has on one width or another, the strongest last; raises TooMuch."""
        found = [rule for rule in self._rules.near(element) if self._is(rule.tree, element)]
        if len(found) > 1:
            found.sort(key=lambda rule: (rule.specificity, rule.order))
        return found

    def _is(self, node: Node, element: Element) -> bool:
        self._step()  # what is remembered takes a step too: there may be very many such
        key = (id(node), id(element))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._looks(node, element)
        return known

    def _step(self, amount: int = 1) -> None:
        self._steps += amount
        if self._steps > MOST_STEPS:
            raise TooMuch("style sheets that take too long to match")

    def _looks(self, node: Node, element: Element) -> bool:
        if not isinstance(node, parser.CombinedSelector):
            return all(self._has(simple, element) for simple in node.simple_selectors)
        if not self._is(node.right, element):
            return False
        parent = element.parent
        if parent is None:
            return False
        left = node.left
        if node.combinator == ">":
            return parent.parent is not None and self._is(left, parent)
        if node.combinator == " ":
            return any(self._is(left, each) for each in parent.lineage() if each.parent is not None)
        first = max(0, element.index - 1) if node.combinator == "+" else 0
        return any(self._is(left, parent.elements[at]) for at in range(first, element.index))

    def _has(self, simple: Node, element: Element) -> bool:
        self._step()
        kind = type(simple)
        if kind is parser.LocalNameSelector:
            return bool(element.name == simple.lower_local_name)
        if kind is parser.ClassSelector:
            return bool(simple.class_name in element.classes)
        if kind is parser.IDSelector:
            return bool(element.attributes.get("id") == simple.ident)
        if kind is parser.AttributeSelector:
            self._step(len(element.attributes.get(simple.lower_name, "")) // 256)
            return _attribute(simple, element)
        if kind in (parser.PseudoClassSelector, parser.FunctionalPseudoClassSelector):
            self._step((len(element.parent.elements) if element.parent else 0) // 16)
        if kind is parser.PseudoClassSelector:
            return _placed(simple.name, element)
        if kind is parser.FunctionalPseudoClassSelector:
            return simple.name in _NTH and _nth(simple, element)
        if kind is parser.NegationSelector:
            return not any(self._is(each.parsed_tree, element) for each in simple.selector_list)
        if kind is parser.RelationalSelector:
            return any(
                self._is(each.selector.parsed_tree, other)
                for each in simple.selector_list
                for other in _related(each.combinator, element)
            )
        if kind in (parser.MatchesAnySelector, parser.SpecificityAdjustmentSelector):
            return any(self._is(each.parsed_tree, element) for each in simple.selector_list)
        return False  # a namespace: there is none


def _related(combinator: str, element: Element) -> Iterator[Element]:
    """What `:has()` looks at."""
    if combinator == " ":
        yield from element.within()
    elif combinator == ">":
        yield from element.elements
    elif element.parent is not None:
        alike = element.parent.elements
        last = element.index + 2 if combinator == "+" else len(alike)
        yield from (alike[at] for at in range(element.index + 1, min(last, len(alike))))


def _attribute(simple: Node, element: Element) -> bool:
    found = element.attributes.get(simple.lower_name)
    if found is None:
        return False
    asked = simple.value
    if simple.operator is None:
        return True
    if simple.case_sensitive is False or simple.lower_name in ("type", "align", "valign", "dir"):
        found, asked = found.lower(), asked.lower()
    if not asked and simple.operator != "=":
        return False
    return bool(
        {
            "=": found == asked,
            "~=": asked in found.split(),
            "|=": found == asked or found.startswith(f"{asked}-"),
            "^=": found.startswith(asked),
            "$=": found.endswith(asked),
            "*=": asked in found,
        }.get(simple.operator, False)
    )


def _placed(name: str, element: Element) -> bool:
    if name in ("link", "any-link"):
        return element.name in ("a", "area") and "href" in element.attributes
    parent = element.parent
    if name == "root":
        return parent is not None and parent.parent is None
    if name == "empty":
        return not element.parts
    if name not in _PLACES or parent is None:
        return False
    alike = parent.elements
    if name.endswith("of-type"):
        alike = [each for each in alike if each.name == element.name]
    first, last = alike[0] is element, alike[-1] is element
    return first if name.startswith("first") else last if name.startswith("last") else first and last


def _nth(simple: Node, element: Element) -> bool:
    found = parse_nth(simple.arguments)
    if found is None or element.parent is None:
        return False
    step, first = found
    alike = element.parent.elements
    if simple.name.endswith("of-type"):
        alike = [each for each in alike if each.name == element.name]
        at = alike.index(element)
    else:
        at = element.index
    place = (len(alike) - at if "last" in simple.name else at + 1) - first
    return bool(place == 0 if step == 0 else place % step == 0 and place // step >= 0)
