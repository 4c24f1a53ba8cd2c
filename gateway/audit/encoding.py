"""Encoding: a record as the bytes that stand in its line. `gateway.audit.chain` adds its number and its hash."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from consent.address import Address
from gateway.audit.anchors import Anchored
from gateway.audit.record import Act, Decision, Json, Outcome, Seal
from gateway.audit.upkeep import Recovered, Refused, Retired, Segment, Start
from gateway.audit.withdrawals import Withdrawals

_quickly = msgspec.json.Encoder().encode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode

Record = Decision | Outcome | Act | Withdrawals | Anchored | Refused | Recovered | Retired | Start | Segment
KINDS = tuple(
    cls.kind for cls in (Decision, Outcome, Act, Withdrawals, Anchored, Refused, Recovered, Retired, Start, Segment)
)


def sealed_members(addresses: Sequence[Address], seal: Seal) -> dict[Address, Json]:
    """Each address with the JSON that stands for it; one call of `seal` for all."""
    if not addresses:
        return {}
    distinct = list(dict.fromkeys(addresses))
    return {
        address: {"key": answer.key, "sealed": answer.sealed}
        for address, answer in zip(distinct, seal(distinct), strict=True)
    }


def encoded(record: Record, time: str, process: str, sealed: Mapping[Address, Json]) -> bytes:
    """The bytes of a record's object after `"n":N,`, closing brace included. Raises TypeError or ValueError for what
    is not JSON.

    ASCII only: a lone surrogate or a line separator in a client's text stays an escape, and no line can be broken.
    """
    members = record.members(sealed)
    if isinstance(record, Decision | Outcome):
        # Two for each message, and made of nothing but texts, numbers and lists of them.
        try:
            octets = _quickly(members)
        except ValueError:
            octets = b"\xff"  # a lone surrogate
        if octets.isascii():
            return f'"kind":"{record.kind}","time":"{time}","process":"{process}",'.encode() + octets[1:]
    own = _encode(members)
    return f'"kind":"{record.kind}","time":"{time}","process":"{process}",{own[1:]}'.encode("ascii")
