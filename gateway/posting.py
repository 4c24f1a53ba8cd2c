"""Posting to a customer's webhook: one signed HTTPS request (Standard Webhooks 1.0), to an address that was looked at.

The customer's DNS says where the name leads, so the answer is not trusted: an address that is not on the public
Internet is refused, and the connection is made to the very address that was looked at. Redirects are not followed,
proxies of the environment not used, and nothing is read of an answer but its head.
"""

import asyncio
import base64
import hmac
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

from config.files import ConfigError
from config.settings import Webhooks as WebhookSettings
from config.webhooks import Webhook

if TYPE_CHECKING:
    import httpx

MOST_ADDRESSES = 4
"""Addresses of one name that are tried."""
_RESOLVERS = 4
"""Threads that look up names: a customer's slow DNS is not to hold up other look-ups of this process."""
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2002::/16", "2001::/32")
)
"""Beside what `ipaddress` knows not to be global: Azure's service for its virtual machines; protocol assignments
(RFC 6890), among them Oracle's metadata; 6to4 (RFC 3056, 7526) and Teredo (RFC 4380), which hold any IPv4 address."""

# They log every URL whole, with what a customer has hidden in its path.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

Resolve = Callable[[str, int], list[str]]


class PostFailed(Exception):
    """The request was not taken; the text says why, and names neither path nor query of the URL."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a name, by the system's resolver; blocks, raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def signature(number: str, timestamp: int, body: str, secret: bytes) -> str:
    """One signature of a request, as the field webhook-signature has it: HMAC-SHA-256 over id, time and body."""
    digest = hmac.digest(secret, f"{number}.{timestamp}.{body}".encode(), "sha256")
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def secret_text(secret: bytes) -> str:
    """A secret in the form that libraries for Standard Webhooks take."""
    return f"whsec_{base64.b64encode(secret).decode('ascii')}"


class Poster:
    """Makes requests; one for a process. `close` it."""

    def __init__(self, settings: WebhookSettings, resolve: Resolve = resolved) -> None:
        """Raises ConfigError for a CA file that cannot be read."""
        self._timeout, self._resolve = settings.timeout, resolve
        self._allowed = [ipaddress.ip_network(network) for network in settings.allow_networks]
        try:
            self._context = ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            why = error.strerror or str(error)
            raise ConfigError(f"webhooks.ca_file: {settings.ca_file} cannot be read: {why}") from None
        self._threads = ThreadPoolExecutor(_RESOLVERS, "webhook-names")

    def close(self) -> None:
        """Begin no look-up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def permitted(self, address: str) -> bool:
        """Whether a webhook may be there: on the public Internet, or in one of the networks that settings allow."""
        where = ipaddress.ip_address(address)
        if isinstance(where, ipaddress.IPv6Address) and where.ipv4_mapped is not None:
            where = where.ipv4_mapped
        if any(where in network for network in self._allowed):
            return True
        if any(where in network for network in _REFUSED):
            return False
        return where.is_global and not where.is_multicast and (where.version == 4 or where in _GLOBAL_UNICAST)

    async def post(self, webhook: Webhook, number: str, body: str, secrets: Sequence[bytes], now: datetime) -> int:
        """Post a body under an id, signed with each secret, at a time; the status, a 2xx. Raises PostFailed."""
        timestamp = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(number, timestamp, body, secret) for secret in secrets),
        }
        try:
            async with asyncio.timeout(self._timeout):
                return await self._to_first(webhook, await self._look_up(webhook), headers, body.encode())
        except TimeoutError:
            raise PostFailed(f"{webhook.host}: no answer within {self._timeout:g} s") from None

    async def _look_up(self, webhook: Webhook) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self._resolve, webhook.host, webhook.port)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not a name"
            raise PostFailed(f"{webhook.host}: the name is not found: {why}") from None
        except RuntimeError:
            raise PostFailed("stopped") from None  # its threads are gone
        addresses = [address for address in dict.fromkeys(found) if self.permitted(address)]
        if not addresses:
            raise PostFailed(
                f"{webhook.host}: {', '.join(found[:MOST_ADDRESSES])} is not on the public Internet; "
                "[webhooks] allow_networks lists networks where webhooks may be all the same"
            )
        return addresses[:MOST_ADDRESSES]

    async def _to_first(self, webhook: Webhook, addresses: list[str], headers: dict[str, str], body: bytes) -> int:
        # Imported here because it costs a tenth of a second, and few need it.
        import httpx

        patience = httpx.Timeout(self._timeout, connect=self._timeout / min(2, len(addresses)))
        fault = ""
        for address in addresses:
            try:
                # A client for each: no connection is shared by two names that lead to one address.
                async with httpx.AsyncClient(
                    verify=self._context, timeout=patience, trust_env=False, follow_redirects=False
                ) as client:
                    return await self._send(client, webhook, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault = _why(error)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise PostFailed(f"{webhook.host}: {_why(error)}") from None
        raise PostFailed(f"{webhook.host}: {fault}")

    async def _send(
        self, client: "httpx.AsyncClient", webhook: Webhook, address: str, headers: dict[str, str], body: bytes
    ) -> int:
        import httpx

        name = webhook.host.rstrip(".")
        shown = f"[{name}]" if ":" in name else name
        more = {"host": shown if webhook.port == 443 else f"{shown}:{webhook.port}", "user-agent": "Postern"}
        url = httpx.URL(webhook.url).copy_with(host=address)
        # The certificate must be the name's, wherever the connection goes.
        request = client.stream(
            "POST", url, headers=headers | more | {"connection": "close"}, content=body,
            extensions={"sni_hostname": name},
        )  # fmt: skip
        async with request as response:
            status = response.status_code
        if response.is_success:
            return status
        redirected = "; redirects are not followed" if response.is_redirect else ""
        raise PostFailed(f"{webhook.host}: answered {status}{redirected}")


def _why(error: Exception) -> str:
    """What a library says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
