"""The built wheel is enough to run from any folder: policy, migrations and tables are in it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.rig.postern import USUAL_PORTS
from tests.rig.processes import alone

ROOT = Path(__file__).parents[1]
RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from gateway import cli; print(cli.__file__); cli.main()"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("postern-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def postern(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, str(site), *arguments], cwd=cwd, capture_output=True, text=True, timeout=120
    )


def test_the_wheel_holds_its_data_and_nothing_of_the_tests(unpacked: Path) -> None:
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {
        "config/policy.toml",
        "config/demo.toml",
        "consent/shared_networks.toml",
        "consent/migrations/env.py",
        "gateway/ledger/counters.lua",
    } <= names
    assert {name.partition("/")[0] for name in names} - {"config", "consent", "filters", "gateway"} == {
        next(name.partition("/")[0] for name in names if ".dist-info" in name)
    }


def test_the_demonstration_runs_from_the_wheel_in_any_folder(unpacked: Path, tmp_path: Path) -> None:
    with alone(USUAL_PORTS):
        done = postern(unpacked, tmp_path, "demo", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == str(unpacked / "gateway" / "cli" / "__init__.py")
    assert (tmp_path / "var" / "demo" / "postern.toml").exists()
