"""Bug: the rules read an international address anew for every reading of its field, at a tenth of a millisecond each."""

from typing import Any

import email_validator
import pytest

from consent import address
from filters.engine import bind, evaluate
from filters.message import Message
from tests.rig.full import POLICY, full_facts
from tests.rig.shapes import SHAPES


def test_an_address_is_read_once_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = email_validator.validate_email

    def counted(text: str, **how: Any) -> object:
        read.append(text)
        return original(text, **how)

    monkeypatch.setattr(address, "validate_email", counted)
    address._read.cache_clear()
    message = Message(SHAPES["address fields, international, all different"](0) + b"\r\nbody\r\n")
    evaluate(bind(POLICY), message, full_facts(), POLICY)
    assert len(read) >= 300
    assert len(set(read)) == len(read)
