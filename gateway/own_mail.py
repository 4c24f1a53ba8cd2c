"""Own mail: passes a message that Postern itself wrote to a next hop, on a session of its own for each: they are few,
and no customer waits."""

import asyncio

from config.files import ConfigError
from config.settings import NextHop as NextHopSettings
from config.settings import Settings
from gateway.nexthop import NextHop
from gateway.nexthop.transaction import Delivery, Transaction
from gateway.rota import Rota

_DOT_SECONDS = 45.0
WHOLE_SECONDS = 60.0
"""How long sending one may take."""


class MailFailed(Exception):
    """The next hop did not take it, or it cannot be sent; the text says why."""

    def __init__(self, text: str, *, final: bool = False, unknown: bool = False) -> None:
        super().__init__(text)
        self.final = final
        """The next hop will not take it another time either."""
        self.unknown = unknown
        """It may have taken it, and did not say so."""


class OwnMail:
    """Sends own mail."""

    def __init__(self) -> None:
        self._rota = Rota()

    async def send(
        self,
        settings: Settings,
        next_hop: NextHopSettings,
        customer: str,
        reverse_path: str,
        recipient: str,
        octets: bytes,
        *,
        noun: str = "recipient",
    ) -> Delivery:
        """Send octets as they go over the wire (dots doubled, CRLF); how the next hop took them. Raises MailFailed.

        `noun` is the recipient's in what is said of a refusal. Being cancelled leaves it unknown whether it was taken.
        """
        only = next_hop.model_copy(update={"sessions": 1, "share": 1.0})
        clock = asyncio.get_running_loop().time
        hop = NextHop(only, hostname=settings.hostname, clock=clock, on_alarm=None, rota=self._rota)
        transaction = hop.transaction(customer, reverse_path)
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                await hop.start()
                return await _pass_on(transaction, recipient, octets, noun)
        except TimeoutError:
            text = f"the next hop did not take it within {WHOLE_SECONDS:g} s"
            raise MailFailed(text, unknown=transaction.dot_sent) from None
        except ConfigError as error:
            raise MailFailed(str(error)) from None
        finally:
            await hop.close()


async def _pass_on(transaction: Transaction, recipient: str, octets: bytes, noun: str) -> Delivery:
    reply = await transaction.rcpt(recipient)
    if not reply.positive:
        await transaction.abandon()
        text = f"the next hop does not take the {noun}: {reply.code} {reply.enhanced}"
        raise MailFailed(text, final=reply.code >= 500)
    delivery = await transaction.send(octets, (), dot_timeout=_DOT_SECONDS)
    if delivery.outcome != "accepted":
        text = f"the next hop does not take the mail: {delivery.reply.code} {delivery.reply.enhanced}"
        raise MailFailed(text, final=delivery.outcome == "refused", unknown=delivery.outcome == "unknown")
    return delivery
