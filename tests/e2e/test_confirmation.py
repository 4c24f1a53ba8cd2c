"""Double opt-in as people meet it: the mail that arrives, its page on a phone, and a gateway that is killed between."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from quopri import decodestring
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.rig.browser import PHONE, chromium, phone, press
from tests.rig.postern import ACME, Postern
from tests.rig.processes import free_port, wait_until
from tests.rig.sink import Sink

SHOWN = {
    **ACME,
    "name": "Acme Gartenbedarf & Söhne GmbH",
    "postal_address": "1 High Street\n12345 Exampletown\nExampleland",
    "contact": "post@acme.example",
}
NAME = "a-list-with-a-very-long-name-of-which-no-phone-shows-all-in-one"
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PUBLIC_URL = "https://lists.gw.example"


class Mailbox(Sink):
    """A sink that keeps what the messages say."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[str] = []

    def keep(self, reverse_path: str, recipients: list[str], data: bytes) -> int | None:
        self.letters.append(decodestring(data.partition(b"\r\n\r\n")[2]).decode())
        return super().keep(reverse_path, recipients, data)


@dataclass
class Site:
    """A gateway as its operator runs it, its next hop, and a client of its API."""

    postern: Postern
    box: Mailbox
    api: httpx.Client
    public: str
    people: int = 0

    def asked(self, name: str = NAME) -> str:
        """Somebody new asks to be on a list, and is to be asked to confirm; their address."""
        self.people += 1
        address = f"reader-{self.people}@recipient.example"
        request = {
            "address": address,
            "list": name,
            "state": "requested",
            "form_url": "https://www.acme.example/signup",
            "notice": "signup-3",
        }
        for path, body in (("consent/events", request), ("confirmations", {"address": address, "list": name})):
            done = self.api.post(path, json=body)
            assert done.status_code == 201, done.text
        return address

    def person(self, name: str = NAME) -> tuple[str, str]:
        """(address, URL of the page) of somebody who has got the mail."""
        before = len(self.box.letters)
        address = self.asked(name)
        wait_until(lambda: len(self.box.letters) > before, 60, "the mail arrives")
        assert self.box.arrivals()[-1].recipients == (address,)
        return address, self.link()

    def link(self) -> str:
        """The link of the last mail, on the listener that a proxy would lead to."""
        (found,) = re.findall(r"https?://\S+", self.box.letters[-1])
        return self.public + str(found).removeprefix(PUBLIC_URL)

    def reason(self, address: str, name: str = NAME) -> Any:
        """Why the address may not be written to."""
        return self.api.post("check", json={"list": name, "addresses": [address]}).json()["results"][0]["reason"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    private, public = free_port(), free_port()
    addresses = {"address": f"127.0.0.1:{private}", "public_address": f"127.0.0.1:{public}"}
    with Mailbox() as box:
        folder = tmp_path_factory.mktemp("site")
        settings = {"http": {**addresses, "public_url": PUBLIC_URL}}
        postern = Postern(folder, box.port, customers=[SHOWN], settings=settings).prepare()
        token = postern.command("token", "create", "--role", "customer", "--customer", "acme").splitlines()[-1]
        postern.command("notices", "add", "signup-3", "--customer", "acme", "--text", "Yes, send me the news.")
        with postern.start():
            base = f"http://127.0.0.1:{private}/api/v1/customers/acme/"
            with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=120) as api:
                yield Site(postern, box, api, f"http://127.0.0.1:{public}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def shot(page: Page, name: str) -> None:
    """A picture to look at, where SHOTS names a folder."""
    folder = os.environ.get("SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"confirm-{name}.png", full_page=True)


def fits(page: Page) -> None:
    """Nothing is wider than the phone, and the button is large enough for a thumb."""
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
def test_a_tap_confirms_and_the_link_then_says_so(site: Site, browser: Browser, scripts: bool) -> None:
    address, url = site.person()
    with phone(browser, scripts=scripts) as page:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
        page.goto(url)
        fits(page)
        shot(page, f"ask-{scripts}")
        assert site.reason(address) == "UNCONFIRMED"
        page.get_by_role("button", name="Yes, I want this mail").tap()
        page.get_by_role("heading", name="Confirmed").wait_for()
        fits(page)
        shot(page, f"confirmed-{scripts}")
        assert site.reason(address) is None
        assert [each for each in requests if "favicon" not in each] == [f"GET {url}", f"POST {url}"]
        assert page.context.cookies() == []
        page.goto(url)
        page.get_by_role("heading", name="Confirmed already").wait_for()
        assert page.locator("button").count() == 0


def test_by_keyboard_alone(site: Site, browser: Browser) -> None:
    address, url = site.person()
    with phone(browser, scripts=False) as page:
        page.goto(url)
        page.keyboard.press("Tab")
        assert page.locator(":focus").text_content() == "Yes, I want this mail"
        shot(page, "keyboard")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Confirmed").wait_for()
        assert site.reason(address) is None


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "fr-CA", "de-AT", "es-MX"])
def test_no_page_has_a_fault_that_axe_can_find(site: Site, browser: Browser, locale: str, dark: bool) -> None:
    _, url = site.person()
    address, other = site.person()
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
        press(page, page.locator("button"))
        check("confirmed")
        page.goto(url)
        check("already")
        assert site.api.post("consent/withdrawals", json={"address": address}).is_success
        page.goto(other)
        check("withdrawn")
        page.goto(f"{site.public}/c/nothing")
        check("gone")


def test_programs_that_follow_every_link_confirm_nothing(site: Site, browser: Browser) -> None:
    address, url = site.person()
    with phone(browser) as page:
        page.goto(url)
        links = [each.get_attribute("href") for each in page.locator("a").all()]
    assert links == ["?lang=fr", "?lang=de", "?lang=es"]
    with httpx.Client(follow_redirects=True, timeout=120) as scanner:
        for each in ["", *links, "?act=confirm", "?lang=fr&act=confirm"]:
            for method in ("GET", "HEAD"):
                answer = scanner.request(method, f"{url}{each}")
                assert answer.status_code in (200, 429)
                assert answer.history == []
    assert site.reason(address) == "UNCONFIRMED"


def test_a_narrow_phone_with_large_letters_shows_all_of_it(site: Site, browser: Browser) -> None:
    """WCAG 1.4.4 and 1.4.10: 320 CSS pixels, letters of twice the size."""
    _, url = site.person()
    context = browser.new_context(viewport={"width": 320, "height": 568})
    try:
        page = context.new_page()
        page.goto(url)
        page.locator("html").evaluate("each => { each.style.fontSize = '200%' }")
        shot(page, "large")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        context.close()


def test_a_gateway_that_is_killed_between_loses_neither_the_mail_nor_the_answer(site: Site) -> None:
    site.box.shut()
    before = len(site.box.letters)
    address = site.asked("newsletter")
    site.postern.kill()
    site.box.listen()
    site.postern.start()
    # What the killed one had begun to send is looked at when its lease is over; what it was yet to try again, at once.
    wait_until(lambda: len(site.box.letters) > before, 240, "the mail arrives after all")
    url = site.link()
    assert httpx.post(url, data={"act": "confirm"}, timeout=120).status_code == 200
    site.postern.kill()
    site.postern.start()
    assert site.reason(address, "newsletter") is None
    assert "Confirmed already" in httpx.get(url, timeout=120).text
    assert len(site.box.letters) == before + 1
    assert site.postern.verify().status == 0
