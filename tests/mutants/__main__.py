"""`make mutants`: change the code one place at a time and see whether a test notices.

    python -m tests.mutants [FILE ...] [--tests PATH ...]

mutmut makes and runs the mutants, in a copy of the tree under build/mutants, with two processes. What no test notices
must stand, with a reason, in known.toml beside this file; a survivor that does not, an entry that is no survivor any
more, and a share of survivors of 10 % or more each make the exit status 1. Functions under a decorator other than
staticmethod or classmethod (properties) and module-level constants are not mutated by mutmut.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).with_name("known.toml")
PACKAGES = ("config", "consent", "filters", "gateway")
TARGETS = (
    "consent/decide.py",
    "consent/grounds.py",
    "consent/standing.py",
    "filters/engine.py",
    "gateway/smtp/wire.py",
    "gateway/smtp/body.py",
    "gateway/smtp/inbox.py",
    "gateway/smtp/sasl.py",
)
TESTS = (
    "tests/consent/test_decide.py",
    "tests/consent/test_grounds.py",
    "tests/consent/test_standing.py",
    "tests/filters",
    *(f"tests/gateway/smtp/test_{name}.py" for name in ("wire", "body", "inbox", "sasl")),
)
MAX_SHARE = 0.10
"""Of all mutants, how many may live."""
CAUGHT = ("killed", "timeout", "caught by type check")


@dataclass(frozen=True, slots=True, order=True)
class Survivor:
    """A change that no test notices. Known ones are matched by function and text, not by number or line."""

    function: str
    """Dotted name: filters.engine.bind, gateway.smtp.wire.Unstuffer.feed."""
    before: str
    """The lines taken out, stripped and joined by ` / `."""
    after: str
    """The lines put in, likewise."""

    @property
    def place(self) -> str:
        """`file:line` of the first line taken out, as far as it can be found."""
        module, names = self.function, list[str]()
        while module and not (ROOT / f"{module.replace('.', '/')}.py").is_file():
            module, _, name = module.rpartition(".")
            names.insert(0, name)
        if not module:
            return self.function
        path = f"{module.replace('.', '/')}.py"
        source = (ROOT / path).read_text()
        node: ast.AST = ast.parse(source)
        for name in names:
            node = next((part for part in ast.iter_child_nodes(node) if getattr(part, "name", None) == name), node)
        first = self.before.split(" / ")[0]
        start, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", None)
        lines = source.splitlines()[start - 1 : end]
        return f"{path}:{next((start + n for n, line in enumerate(lines) if line.strip() == first), start)}"


def main() -> int:
    """Run, compare, report; the exit status."""
    parser = argparse.ArgumentParser(prog="mutants", description="Mutation run with explained survivors.")
    parser.add_argument(
        "files", nargs="*", default=list(TARGETS), help=f"what to mutate (default: {' '.join(TARGETS)})"
    )
    parser.add_argument("--tests", action="append", help=f"what is to notice (default: {' '.join(TESTS)})")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants", help="where the copy is made")
    parser.add_argument("--known", type=Path, default=KNOWN, help="the explained survivors")
    chosen = parser.parse_args()
    known = read_known(chosen.known)
    prepare(chosen.folder, chosen.files, chosen.tests or list(TESTS))
    results = run(chosen.folder)
    survivors = sorted(diffs(chosen.folder, [name for name, status in results.items() if status not in CAUGHT]))
    return report(results, survivors, known, chosen.files)


def read_known(path: Path) -> dict[Survivor, str]:
    """The explained survivors and their reasons; raises ValueError when a reason is missing."""
    known: dict[Survivor, str] = {}
    for entry in tomllib.loads(path.read_text()).get("survivor", []):
        if not entry.get("reason", "").strip():
            raise ValueError(f"{path.name}: {entry['function']}: no reason")
        known[Survivor(entry["function"], entry["before"], entry["after"])] = entry["reason"]
    return known


def prepare(folder: Path, files: Iterable[str], tests: Iterable[str]) -> None:
    """A fresh copy of the tree in `folder`, with mutmut's settings in its pyproject.toml."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unneeded = shutil.ignore_patterns("__pycache__", ".*")
    for package in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / package, folder / package, ignore=unneeded)
    settings = (
        f"\n[tool.mutmut]\nsource_paths = {list(files)!r}\nalso_copy = {[*PACKAGES, 'tests']!r}\n"
        f"pytest_add_cli_args_test_selection = {list(tests)!r}\nuse_git_change_detection = false\n"
    )
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)


def mutmut(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in the copy. It puts its own mutants first on the path itself: PYTHONPATH would undo that."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def run(folder: Path) -> dict[str, str]:
    """Make and run all mutants; status by mutmut's name. Exits with mutmut's words when the tests fail unmutated."""
    done = mutmut(folder, "run", "--max-children", "2")
    (folder / "mutmut.log").write_text(done.stdout + done.stderr)
    listed = mutmut(folder, "results", "--all", "true").stdout
    results = dict(line.strip().rsplit(": ", 1) for line in listed.splitlines() if ": " in line)
    if done.returncode or not results or "not checked" in results.values():
        tail = "\n".join((done.stdout + done.stderr).replace("\r", "\n").splitlines()[-40:])
        sys.exit(f"mutants: mutmut did not finish (status {done.returncode}):\n{tail}")
    return results


def diffs(folder: Path, names: Iterable[str]) -> Iterator[Survivor]:
    """Each named mutant as what it changes."""
    names = list(names)
    with ThreadPoolExecutor(max_workers=2) as pool:
        shown = pool.map(lambda name: mutmut(folder, "show", name).stdout.splitlines(), names)
    for name, lines in zip(names, shown, strict=True):
        changed = [line for line in lines if line[:1] in ("-", "+") and not line.startswith(("---", "+++"))]
        before, after = (" / ".join(line[1:].strip() for line in changed if line[:1] == sign) for sign in "-+")
        yield Survivor(plain_name(name), before, after)


def plain_name(name: str) -> str:
    """`gateway.smtp.wire.xǁUnstufferǁfeed__mutmut_3` as `gateway.smtp.wire.Unstuffer.feed`."""
    module, _, function = re.sub(r"__mutmut_\d+$", "", name).rpartition(".")
    return f"{module}.{function.removeprefix('x').removeprefix('_').lstrip('ǁ').replace('ǁ', '.')}"


def report(results: dict[str, str], survivors: list[Survivor], known: dict[Survivor, str], files: list[str]) -> int:
    """Print what lives, what is not explained and what is explained in vain; the exit status."""
    by_status = Counter(results.values())
    share = len(survivors) / len(results)
    unexplained = [survivor for survivor in survivors if survivor not in known]
    modules = tuple(file.removesuffix(".py").replace("/", ".") + "." for file in files)
    vain = [entry for entry in known if entry.function.startswith(modules) and entry not in survivors]
    for survivor in unexplained:
        print(f"# {survivor.place} survives, unexplained\n[[survivor]]\nfunction = {json.dumps(survivor.function)}")
        print(f'before = {json.dumps(survivor.before)}\nafter = {json.dumps(survivor.after)}\nreason = ""\n')
    for entry in vain:
        print(f"# {entry.place} is explained in {KNOWN.name}, but is no survivor: {entry.before} -> {entry.after}\n")
    print(", ".join(f"{count} {status}" for status, count in by_status.most_common()))
    print(f"{len(results)} mutants, {len(survivors)} survivors ({share:.1%}), {len(unexplained)} of them unexplained")
    if share >= MAX_SHARE:
        print(f"too many: fewer than {MAX_SHARE:.0%} may survive")
    return 1 if unexplained or vain or share >= MAX_SHARE else 0


if __name__ == "__main__":
    sys.exit(main())
