"""stub."""

from typing import NamedTuple

from filters.message import Message


class Promotion(NamedTuple):
    evidence: str


def promotion(message: Message) -> Promotion | None:
    return None
