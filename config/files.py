"""Reading TOML files into models, with errors that name file, key and the nearest valid name."""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Exception):
    """A file of the operator's is wrong; the text names the file, the key and the fix, one line per fault."""


class Frozen(BaseModel):
    """A value that is validated once, never changed, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def nearest(name: str, valid: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    """`; did you mean 'x'?` for the valid name nearest to `name`, else the list of them."""
    names = sorted(valid)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; valid here: {', '.join(names)}" if names else ""


def read_toml(path: Path) -> dict[str, Any]:
    """The parsed file; raises ConfigError when it cannot be read or is not TOML."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def load(model: type[Model], path: Path) -> Model:
    """The file as a `model`; raises ConfigError."""
    return build(model, read_toml(path), str(path))


def build(model: type[Model], data: Mapping[str, Any], source: str) -> Model:
    """`data` as a `model`; raises ConfigError whose lines start with `source`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(model, error, source))) from None


def explain(model: type[BaseModel], error: ValidationError, source: str) -> Iterator[str]:
    """One line per fault: `file: key: what is wrong[; did you mean ...]`. Values may be secret: not repeated."""
    faults = error.errors(include_url=False, include_context=True, include_input=False)
    for fault in faults:
        place = fault["loc"]
        if fault["type"] == "too_short" and any(
            other["loc"][: len(place)] == place != other["loc"] for other in faults
        ):
            continue  # only because its items are wrong, which is said
        yield f"{source}: {key_of(fault['loc'])}: {_reason(model, fault)}"


def key_of(location: tuple[int | str, ...]) -> str:
    """`('smtp', 'listeners', 0, 'role')` as `smtp.listeners[0].role`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "(whole file)"


def _reason(model: type[BaseModel], fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        *where, name = fault["loc"]
        return f"unknown key{nearest(str(name), _keys_at(model, where))}"
    if fault["type"] == "missing":
        return "this key is required"
    reason = fault["msg"].removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:]


def _keys_at(model: type[BaseModel], where: list[int | str]) -> list[str]:
    """The names a model takes at a location; [] where it cannot be told."""
    current: Any = model
    for part in where:
        if isinstance(part, int):
            continue
        fields = current.model_fields if isinstance(current, type) and issubclass(current, BaseModel) else {}
        if part not in fields:
            return []
        current = next(iter(_models_in(fields[part].annotation)), None)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
