"""Differences: which settings are not as they were, by their names."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel


def differences(old: BaseModel, new: BaseModel) -> list[str]:
    """The dotted names of what differs, in order; entries of a list by their number where there are as many."""
    return sorted(set(_differing("", old, new)))


def _differing(name: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, BaseModel) and type(old) is type(new):
        for field in type(old).model_fields:
            yield from _differing(f"{name}.{field}" if name else field, getattr(old, field), getattr(new, field))
    elif _of_models(old) and _of_models(new) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(f"{name}[{number}]", one, other)
    else:
        yield name


def _of_models(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, BaseModel) for each in value) and bool(value)
