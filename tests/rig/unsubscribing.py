"""Tokens of people at customer acme, what their pages hold, and what became of it."""

from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx

from consent.address import Address
from consent.unsubscribe import Token
from gateway.app import Gateway
from tests.rig.gateway import CUSTOMERS, Clock

if TYPE_CHECKING:
    from tests.gateway.http.conftest import Api

BOB = "bob@recipient.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
CONSENT: dict[str, Any] = {
    "address": BOB,
    "state": "given",
    "list": "newsletter",
    "form_url": "https://www.acme.example/signup",
    "ip": "203.0.113.7",
    "notice": "signup-3",
}
REFERENCE = "01KAGXYZ0123456789ABCDEFGH"
SHOWN: list[dict[str, Any]] = [
    {
        **CUSTOMERS[0],
        "name": "Acme & Söhne <Ltd>",
        "postal_address": "1 High Street\nExampletown",
        "contact": "postmaster@acme.example",
    },
    *CUSTOMERS[1:],
]
"""The customers of tests/rig/gateway.py, acme with an address and a name that must be escaped."""


def token_of(
    gateway: Gateway, address: str, name: str | None = "newsletter", customer: str = "acme", reference: str = REFERENCE
) -> Token:
    """What a token of this recipient says."""
    return Token(customer, name, gateway.stores.secrets.subject_octets(Address.parse(address)), reference)


def path_of(
    gateway: Gateway, address: str, name: str | None = "newsletter", customer: str = "acme", reference: str = REFERENCE
) -> str:
    """The path of its page."""
    token = token_of(gateway, address, name, customer, reference)
    return "/u/" + gateway.unsubscribe_tokens.make(token, gateway.clock())


class Parsed(HTMLParser):
    """What of a page matters here."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.buttons: dict[str, str] = {}
        self.lang: str | None = None
        self._button: str | None = None
        self.text = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "html":
            self.lang = dict(attrs)["lang"]
        if tag == "button":
            self._button = dict(attrs)["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._button:
            self.buttons[self._button] = data


def is_ours(answer: httpx.Response, status: int) -> httpx.Response:
    """It has the status, and no answer may have what is forbidden or lack what protects."""
    assert answer.status_code == status, answer.text
    headers = answer.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'; form-action 'self'; base-uri 'none'")
    assert not {"set-cookie", "location", "refresh", "access-control-allow-origin"} & headers.keys()
    if headers["content-type"].startswith("text/html"):
        page = Parsed(answer)
        assert not {"script", "img", "link", "iframe", "object", "input", "base"} & set(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")]
        assert "recipient.example" not in answer.text
    return answer


async def tell(api: "Api", path: str, **body: Any) -> dict[str, Any]:
    """POST a JSON object to the API; the answer, which must be 2xx."""
    answer = await api.client.post(
        f"http://{api.gateway.http_address}/api/v1/customers/acme/{path}", json=body, headers=api.as_("own")
    )
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def reason(api: "Api", name: str = "newsletter", address: str = BOB) -> str | None:
    """Why the address may not be written to."""
    (result,) = (await tell(api, "check", list=name, addresses=[address]))["results"]
    found: str | None = result["reason"]
    return found


def later(gateway: Gateway, **time: float) -> None:
    """Move the gateway's clock."""
    assert isinstance(gateway.clock, Clock)
    gateway.clock.now += timedelta(**time)


async def opted_in(api: "Api", *lists: str) -> None:
    """Bob has opted in to these lists."""
    for name in lists or ("newsletter",):
        await tell(api, "consent/events", **{**CONSENT, "list": name})
    later(api.gateway, minutes=1)


def events(api: "Api", address: str = BOB) -> list[Any]:
    """What is on record of the address, oldest first."""
    return [each.event for each in api.gateway.stores.consents.history("acme", Address.parse(address))]
