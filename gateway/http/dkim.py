"""DKIM keys of a customer's: what to publish. They are made and rotated by `postern dkim`."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from consent.dkim_keys import Algorithm, DkimKey, State
from gateway.http.context import READERS, Asked, Context


class KeyShown(BaseModel):
    """A key's public part. The private one is shown nowhere."""

    domain: str = Field(examples=["acme.example"])
    selector: str = Field(examples=["p20261121r"])
    algorithm: Algorithm
    state: State = Field(description="`pending` until the operator has seen its record in the DNS.")
    name: str = Field(examples=["p20261121r._domainkey.acme.example"], description="Where its record goes.")
    record: str = Field(examples=["v=DKIM1; k=rsa; p=MIIB..."], description="The text of the TXT record.")
    strings: tuple[str, ...] = Field(description="The same in strings that fit into a TXT record.")
    created: datetime
    activated: datetime | None
    retired: datetime | None
    needed_until: datetime | None = Field(description="Of a retired key: until when its record has to stay.")

    @classmethod
    def of(cls, key: DkimKey) -> "KeyShown":
        """As the registry has it."""
        return cls.model_construct(**{name: getattr(key, name) for name in cls.model_fields})


class KeysShown(BaseModel):
    """All keys of a customer, by domain, the oldest first."""

    keys: list[KeyShown]


def routes(app: FastAPI, context: Context) -> None:
    """Add the keys."""
    reading = context.router("dkim", READERS)

    @reading.get("/dkim")
    async def get_dkim(asked: Annotated[Asked, Depends(context.asked)]) -> KeysShown:
        """The keys that sign a customer's mail, those that will and those that did, and the record of each."""
        found = await context.run(context.gateway.stores.dkim_keys.all, asked.customer.id)
        return KeysShown.model_construct(keys=[KeyShown.of(each) for each in found])

    app.include_router(reading)
