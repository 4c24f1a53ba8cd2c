"""The shipped policy: complete, and the same as the defaults."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

import config
from config.policy import Action, Policy, load_policy
from filters import RULES

SHIPPED = Path(config.__file__).with_name("policy.toml")


def test_the_shipped_policy_names_every_rule_with_its_default() -> None:
    assert load_policy(None).actions == {rule.code: rule.default for rule in RULES}


def test_the_shipped_policy_says_what_the_defaults_say() -> None:
    assert load_policy(None).model_copy(update={"actions": {}}) == Policy()


def test_the_shipped_policy_names_every_key_and_comments_each() -> None:
    lines = SHIPPED.read_text().splitlines()
    keys = {line.partition("=")[0].strip() for line in lines if re.match(r"\w[\w-]* =", line)}
    sections = ("actions", "message", "addressing", "limits", "signals", "audit")
    wanted = {name for name in Policy.model_fields if name not in sections} | {"exempt_recipients", "count_refused"}
    for scope, _ in Policy().limits.scopes():
        assert any(line.startswith(f"[limits.{scope}]") for line in lines)
    for section in ("message", "addressing", "signals", "audit"):
        model = Policy.model_fields[section].annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)
        wanted |= set(model.model_fields)
    assert wanted <= keys
    for at, line in enumerate(lines):
        if re.match(r"\w[\w-]* =", line):
            assert "#" in line or lines[at - 1].startswith("#")


def test_the_digest_changes_with_what_decides_and_with_nothing_else() -> None:
    assert Policy().digest == Policy().digest
    assert Policy(actions={"HDR-FROM": Action.OBSERVE}).digest != Policy().digest
    assert Policy(mode="observe").digest != Policy().digest
    assert re.fullmatch(r"[0-9a-f]{64}", Policy().digest)


def test_a_policy_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Policy().mode = "observe"  # type: ignore[misc]
