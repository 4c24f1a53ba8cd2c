"""A process that delivers what is in an outbox, to be killed: `python -m tests.rig.deliverer` and a JSON object.

Its clock is the machine's, so many seconds ahead as it is told.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.customers import Customer
from config.settings import Webhooks as Settings
from config.webhooks import Webhook
from consent.database import Database
from consent.outbox import Outbox
from gateway.alert_mail import AlertMail
from gateway.metrics import Metrics
from gateway.own_mail import OwnMail
from gateway.posting import Poster
from gateway.webhooks import Webhooks
from tests.rig.gateway import settings_for
from tests.rig.registry import secrets


async def deliver(asked: dict[str, Any]) -> None:
    """Until it is killed. Every customer has the same webhook."""
    folder, ahead = Path(asked["folder"]), timedelta(seconds=asked["ahead"])
    webhook = Webhook(url=asked["url"])

    def customer(name: str) -> Customer:
        return Customer(id=name, name=name, domains=(f"{name}.example",), webhook=webhook)

    settings = Settings.model_validate({"allow_networks": ["127.0.0.0/8"], "ca_file": asked["ca"], "timeout": 60})
    webhooks = Webhooks(
        Outbox(Database(asked["registry"])),
        secrets(folder),
        customer,
        Poster(settings, lambda host, port: ["127.0.0.1"]),
        AlertMail(lambda: settings_for(folder, "127.0.0.1:1"), OwnMail()),
        Metrics(),
        lambda: datetime.now(UTC) + ahead,
    )
    await webhooks.run()


if __name__ == "__main__":
    asyncio.run(deliver(json.loads(sys.argv[1])))
