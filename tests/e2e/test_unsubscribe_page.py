"""The unsubscribe page in a real browser: on a phone, with and without scripts, by keyboard alone, for those who do not
see it, and for programs that follow every link."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from consent.address import Address
from consent.keys import Secrets
from consent.unsubscribe import Token, Tokens
from tests.rig.browser import PHONE, chromium, phone, press
from tests.rig.postern import ACME, Postern
from tests.rig.processes import free_port
from tests.rig.unsubscribing import CONSENT, REFERENCE

SHOWN = {
    **ACME,
    "name": "Acme Gartenbedarf & Söhne GmbH",
    "postal_address": "1 High Street\n12345 Exampletown\nExampleland",
    "contact": "post@acme.example",
}
LISTS = ("newsletter", "a-list-with-a-very-long-name-of-which-no-phone-shows-all-in-one")
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Site:
    """A gateway as its operator runs it, and what a browser needs to know of it."""

    api: httpx.Client
    public: str
    tokens: Tokens
    secrets: Secrets
    people: int = 0

    def person(self, *lists: str) -> tuple[str, str]:
        """(address, URL of its page) of somebody new who has opted in to these lists; the token is for the first."""
        self.people += 1
        address = f"reader-{self.people}@recipient.example"
        for name in lists or LISTS[:1]:
            done = self.api.post("consent/events", json={**CONSENT, "address": address, "list": name})
            assert done.is_success, done.text
        key = self.secrets.subject_octets(Address.parse(address))
        token = Token("acme", (lists or LISTS)[0], key, REFERENCE)
        return address, f"{self.public}/u/{self.tokens.make(token, datetime.now(UTC))}"

    def reason(self, address: str, name: str = LISTS[0]) -> Any:
        """Why the address may not be written to."""
        return self.api.post("check", json={"list": name, "addresses": [address]}).json()["results"][0]["reason"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    private, public = free_port(), free_port()
    settings = {"http": {"address": f"127.0.0.1:{private}", "public_address": f"127.0.0.1:{public}"}}
    postern = Postern(tmp_path_factory.mktemp("site"), free_port(), customers=[SHOWN], settings=settings)
    postern.prepare()
    token = postern.command("token", "create", "--role", "admin").splitlines()[-1]
    with postern.start():
        base = f"http://127.0.0.1:{private}/api/v1/customers/acme/"
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=120) as api:
            secrets = Secrets.load_or_create(postern.folder / "var" / "secrets.toml")
            yield Site(api, f"http://127.0.0.1:{public}", Tokens(secrets), secrets)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def shot(page: Page, name: str) -> None:
    """A picture to look at, where SHOTS names a folder."""
    folder = os.environ.get("SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def fits(page: Page) -> None:
    """Nothing is wider than the phone, and each button is large enough for a thumb (WCAG 2.2, 2.5.8 asks for 24)."""
    for each in page.locator("body, main, h1, p, dl, dd, button, nav").all():
        box = each.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    for each in page.locator("button").all():
        box = each.bounding_box()
        assert box is not None
        assert box["height"] >= 44


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_tap_leaves_the_list_and_another_takes_it_back(site: Site, browser: Browser, scripts: bool) -> None:
    address, url = site.person(*LISTS)
    with phone(browser, scripts=scripts) as page:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
        page.goto(url)
        fits(page)
        shot(page, f"ask-{scripts}")
        assert site.reason(address) is None
        page.get_by_role("button", name="Unsubscribe from “newsletter”").tap()
        page.get_by_role("heading", name="You are unsubscribed").wait_for()
        fits(page)
        shot(page, f"left-{scripts}")
        assert (site.reason(address), site.reason(address, LISTS[1])) == ("WITHDRAWN", None)
        page.get_by_role("button", name="Undo: I want this mail").tap()
        page.get_by_role("heading", name="Undone").wait_for()
        shot(page, f"undone-{scripts}")
        assert site.reason(address) is None
        # Nothing was fetched but the page itself.
        assert [each for each in requests if "favicon" not in each] == [f"GET {url}", f"POST {url}", f"POST {url}"]
        assert page.context.cookies() == []


def test_everything_by_keyboard_alone(site: Site, browser: Browser) -> None:
    address, url = site.person(*LISTS)
    with phone(browser, scripts=False) as page:
        page.goto(url)
        focused = page.locator(":focus")
        page.keyboard.press("Tab")
        assert focused.text_content() == "Unsubscribe from “newsletter”"
        page.keyboard.press("Tab")
        assert focused.text_content() == f"Unsubscribe from everything by {SHOWN['name']}"
        shot(page, "keyboard")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="You are unsubscribed").wait_for()
        assert [site.reason(address, name) for name in LISTS] == ["WITHDRAWN"] * 2
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("heading", name="Undone").wait_for()
        assert [site.reason(address, name) for name in LISTS] == [None, None]
        page.goto(url)
        for _ in range(3):
            page.keyboard.press("Tab")
        assert focused.text_content() == "Français"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Voulez-vous ne plus recevoir ces messages").wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "fr-CA", "de-AT", "es-MX"])
def test_no_page_has_a_fault_that_axe_can_find(site: Site, browser: Browser, locale: str, dark: bool) -> None:
    _, url = site.person(LISTS[1], LISTS[0])
    with phone(browser, locale=locale, dark=dark) as page:

        def check(name: str) -> None:
            fits(page)
            shot(page, f"{name}-{locale}-{'dark' if dark else 'light'}")
            found = Axe().run(page, options={"runOnly": WCAG})
            assert found.response["violations"] == [], found.generate_report()
            assert len(found.response["passes"]) > 10
            assert [each["id"] for each in found.response["incomplete"]] == []

        page.goto(url)
        assert page.locator("html").get_attribute("lang") == locale[:2]
        check("ask")
        press(page, page.locator("button").first)
        check("left")
        press(page, page.locator("button").last)
        check("left-all")
        press(page, page.locator("button").first)
        check("undone")
        page.goto(f"{site.public}/u/nothing")
        check("gone")


def test_axe_finds_a_fault_where_there_is_one(site: Site, browser: Browser) -> None:
    _, url = site.person()
    with phone(browser) as page:
        page.goto(url)
        page.locator("html").evaluate("each => each.removeAttribute('lang')")
        page.locator("h1").evaluate("each => { each.style.color = '#ddd' }")
        found = Axe().run(page, options={"runOnly": WCAG})
        assert {each["id"] for each in found.response["violations"]} == {"html-has-lang", "color-contrast"}


def test_programs_that_follow_every_link_change_nothing(site: Site, browser: Browser) -> None:
    address, url = site.person(*LISTS)
    with phone(browser) as page:
        page.goto(url)
        links = [each.get_attribute("href") for each in page.locator("a").all()]
    assert links == ["?lang=fr", "?lang=de", "?lang=es"]
    with httpx.Client(follow_redirects=True, timeout=120) as scanner:
        for each in ["", *links, "?act=list", "?act=all", "?List-Unsubscribe=One-Click"]:
            for method in ("GET", "HEAD"):
                answer = scanner.request(method, f"{url}{each}")
                assert answer.status_code in (200, 429)
                assert answer.history == []
    assert [site.reason(address, name) for name in LISTS] == [None, None]


def test_a_narrow_phone_with_large_letters_shows_all_of_it(site: Site, browser: Browser) -> None:
    """WCAG 1.4.4 and 1.4.10: 320 CSS pixels, letters of twice the size."""
    _, url = site.person(LISTS[1])
    context = browser.new_context(viewport={"width": 320, "height": 568})
    try:
        page = context.new_page()
        page.goto(url)
        page.locator("html").evaluate("each => { each.style.fontSize = '200%' }")
        shot(page, "large")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        context.close()
