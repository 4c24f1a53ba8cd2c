"""A browser: the system's Chromium, driven by Playwright; the one of a reader with a phone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, sync_playwright

PHONE = {"width": 360, "height": 640}
"""CSS pixels."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium")
    assert program, "apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def phone(browser: Browser, *, scripts: bool = True, locale: str = "en-GB", dark: bool = False) -> Iterator[Page]:
    """A page on a phone."""
    context = browser.new_context(
        viewport={"width": PHONE["width"], "height": PHONE["height"]},
        has_touch=True,
        is_mobile=True,
        java_script_enabled=scripts,
        locale=locale,
        color_scheme="dark" if dark else "light",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def press(page: Page, button: Locator) -> None:
    """Press it, and return when the page that answers is there: a click alone returns while the old one may still be."""
    with page.expect_event("load"):
        button.click()
