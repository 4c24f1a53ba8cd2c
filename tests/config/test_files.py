"""Every bad file in tests/policies/bad fails with the error that stands in its first line."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.files import ConfigError, build, key_of, load, nearest
from config.policy import Policy
from config.settings import Settings, load_settings
from gateway.cli.context import checked_customers, checked_policy

BAD = sorted((Path(__file__).parents[1] / "policies" / "bad").glob("*.toml"))


def policy_at(path: Path) -> Policy:
    return checked_policy(Settings.model_construct(policy_file=path))


LOADERS: dict[str, Callable[[Path], Any]] = {
    "policy": policy_at,
    "settings": load_settings,
    "customers": checked_customers,
}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_its_error(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expect: ")
    shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        LOADERS[path.stem.partition("-")[0]](Path(path.name))
    assert str(caught.value).startswith(expected) or f"\n{expected}" in str(caught.value)


def test_a_missing_file_says_so() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Policy, Path("no-such.toml"))
    with pytest.raises(ConfigError, match="no such file; name one with --config FILE"):
        load_settings(Path("no-such.toml"))


def test_every_fault_gets_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        build(Policy, {"mode": "x", "message": {"max_bytes": 1}, "colour": 1}, "f")
    assert len(str(caught.value).splitlines()) == 3


def test_values_are_not_repeated_they_may_be_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        build(Settings, {"hostname": "gw.example", "registry": {"url": "mysql://u:hunter2@h/d"}}, "f")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "expected"),
    [((), "(whole file)"), (("a",), "a"), (("a", 0, "b"), "a[0].b"), (("a", "b", 1), "a.b[1]")],
)
def test_keys_read_as_they_are_written(location: tuple[int | str, ...], expected: str) -> None:
    assert key_of(location) == expected


def test_nearest() -> None:
    assert nearest("hostnme", ["hostname", "http"]) == "; did you mean 'hostname'?"
    assert nearest("zzz", ["b", "a"]) == "; valid here: a, b"
    assert nearest("zzz", []) == ""


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_builds_or_is_refused_plainly(data: Any) -> None:
    for model in (Policy, Settings):
        try:
            build(model, data if isinstance(data, dict) else {"mode": data}, "f")
        except ConfigError as error:
            assert str(error).startswith("f: ")
