"""Reads cases of visibility: HTML parts and which of their links a recipient can see.

== what this part is
expect seen hidden         for each `a` with an `href`, in order
width 375                  of the screen in CSS pixels; 800 where nothing is said
chromium hidden hidden     what Chromium says, where that is something else; then a line says why:
because it is behind a picture, and there is no layout here

<p>Here the part begins. It ends before the next line that starts with "== ".</p>
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path

CASES = Path(__file__).parents[1] / "visible"
CHROMIUM = shutil.which("chromium")


@dataclass
class Part:
    """One HTML part and what is to be seen of it."""

    title: str
    file: str
    html: str = ""
    expect: tuple[bool, ...] = ()
    width: int = 800
    chromium: tuple[bool, ...] | None = None
    because: str = ""


def _said(value: str) -> tuple[bool, ...]:
    words = value.split()
    if not words or not set(words) <= {"seen", "hidden"}:
        raise ValueError(f"{value!r}: write seen or hidden for each link")
    return tuple(word == "seen" for word in words)


def read_parts(path: Path) -> Iterator[Part]:
    """The cases of one file, in order; raises ValueError for a directive it does not know."""
    for block in ("\n" + path.read_text()).split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        head, _, html = rest.partition("\n\n")
        part = Part(title.strip(), path.stem, html)
        for line in head.splitlines():
            word, _, value = line.partition(" ")
            if word in ("expect", "chromium"):
                setattr(part, word, _said(value))
            elif word == "width":
                part.width = int(value)
            elif word == "because":
                part.because = value.strip()
            else:
                raise ValueError(f"{path.name}: {title!r}: unknown directive {word!r}")
        yield part


def all_parts() -> list[Part]:
    """Every case of every file."""
    return [part for path in sorted(CASES.glob("*.txt")) for part in read_parts(path)]


def chromium_says(parts: Sequence[Part], folder: Path) -> list[tuple[bool, ...]]:
    """What headless Chromium makes of each part: laid out in a frame, its links looked for where they are."""
    page = folder / "parts.html"
    given = json.dumps([{"html": part.html, "width": part.width} for part in parts]).replace("<", "\\u003c")
    script = (Path(__file__).with_name("seen.js")).read_text()
    page.write_text(f"<!doctype html><body><script>const parts = {given};\n{script}</script>")
    done = subprocess.run(
        [
            CHROMIUM or "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1000,4000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = re.search(r'<pre id="answers">(.*?)</pre>', done.stdout, re.DOTALL)
    if found is None:
        raise RuntimeError(f"Chromium gave no answers: {done.stderr[-500:]}")
    return [tuple(bool(each) for each in answer) for answer in json.loads(unescape(found[1]))]
