"""The documentation keeps step with the program: links, commands, TOML blocks, settings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from pydantic import BaseModel

from config.customers import Credential, Customer
from config.limits import Limits
from config.policy import Policy, load_policy
from config.settings import Settings, load_settings
from filters import RULES
from filters.engine import bind
from gateway.cli import main
from gateway.cli.context import checked_customers
from gateway.cli.rules import page, rows
from gateway.smtp.replies import REFUSALS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
WHOLE = ("postern.toml", "customers.toml", "policy.toml")
"""What stands behind ```toml marks a block as a whole file of that kind."""


class Block(NamedTuple):
    """A fenced block."""

    page: str
    language: str
    mark: str
    text: str


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(page: str) -> str:
    return (ROOT / page).read_text()


def blocks() -> Iterator[Block]:
    for path in PAGES:
        fence: tuple[str, str, list[str]] | None = None
        for line in path.read_text().splitlines():
            if not line.lstrip().startswith("```"):
                if fence:
                    fence[2].append(line)
            elif fence:
                yield Block(name(path), fence[0], fence[1], "\n".join(fence[2]))
                fence = None
            else:
                language, _, mark = line.strip().removeprefix("```").partition(" ")
                fence = (language, mark, [])
        assert fence is None, f"{name(path)}: a fence is not closed"


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """The ids of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", prose(path.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def commands() -> Iterator[tuple[str, str]]:
    """(page, what follows `postern` on a line), in fenced blocks and in code within the text."""
    for block in blocks():
        text = re.sub(r"\\\n\s*", " ", block.text)
        for found in re.findall(r"(?<![\w-])postern +([a-z-].*)", text):
            yield block.page, found
    for path in PAGES:
        for found in re.findall(r"`postern ([a-z-][^`]*)`", prose(path.read_text())):
            yield name(path), found.replace("\n", " ")


def wrong_with(command_line: str) -> str:
    """Why no such command can be given, or nothing."""
    words = list(shlex.shlex(command_line, posix=True, punctuation_chars=True))
    end = next((at for at, word in enumerate(words) if set(word) <= set("|&;()<>")), len(words))
    words = shlex.split(command_line, comments=True)[:end] if end == len(words) else words[:end]
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words.pop(0))
        if found is None:
            return "no such subcommand"
        command = found
    options = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"no such option: {unknown[0]}" if unknown else ""


def test_every_command_in_the_docs_exists() -> None:
    found = list(commands())
    assert len(found) >= 25
    wrong = {(page, line): why for page, line in found if (why := wrong_with(line))}
    assert not wrong


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert wrong_with("customers aply x.toml")
    assert wrong_with("token create --rol admin | tail -n 1")
    assert not wrong_with("token create --role admin | tail --lines 1")


@pytest.mark.parametrize("block", [block for block in blocks() if block.language == "toml"], ids=lambda b: b.page)
def test_whole_configuration_files_in_the_docs_load(block: Block, tmp_path: Path) -> None:
    assert block.mark in ("", *WHOLE)
    if not block.mark:
        return
    file = tmp_path / block.mark
    file.write_text(block.text)
    if block.mark == "postern.toml":
        assert load_settings(file).next_hops
    elif block.mark == "customers.toml":
        assert checked_customers(file)
    else:
        assert bind(load_policy(file))


def test_the_operators_guide_shows_each_kind_of_file_whole() -> None:
    assert {block.mark for block in blocks() if block.page == "docs/operator.md"} >= set(WHOLE)


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every key of a model, with dots."""
    for key, field in model.model_fields.items():
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        models = [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
        if Limits in models:
            models = []  # one row for each table of limits; what stands in one is the same in all
        for each in models:
            yield from keys(each, f"{above}{key}.")
        if not models:
            yield above + key


@pytest.mark.parametrize("key", [*keys(Settings), *keys(Policy)])
def test_every_setting_stands_in_a_table_of_the_operators_guide(key: str) -> None:
    assert re.search(rf"^\| `{re.escape(key)}` \|", read("docs/operator.md"), re.M)


@pytest.mark.parametrize("key", sorted({*Customer.model_fields, *Credential.model_fields}))
def test_every_key_of_a_customer_stands_in_the_operators_guide(key: str) -> None:
    section = read("docs/operator.md").partition("\n## Customers\n")[2].partition("\n## ")[0]
    assert re.search(rf"`(?:credentials\.)?{key}`", section)


def test_the_readme_names_how_to_run_and_test() -> None:
    text = "\n".join(block.text for block in blocks() if block.page == "README.md")
    assert re.search(r"^make run$", text, re.M)
    assert re.search(r"^make run ARGS=--once$", text, re.M)
    assert re.search(r"^make test$", text, re.M)


def test_the_customers_guide_explains_every_refusal() -> None:
    guide = read("docs/customer.md")
    public = [(rule.code, rule.reply) for rule in RULES] + [(refusal.code, refusal.reply) for refusal in REFUSALS]
    for code, reply in public:
        assert f"| {code} |" in guide
        assert code == "NEXT-HOP" or f"| {reply} |" in guide


def test_the_page_of_rules_is_the_generated_one() -> None:
    actions = {code: action.value for code, action in load_policy(None).actions.items()}
    assert read("docs/rules.md") == page(rows(actions))
