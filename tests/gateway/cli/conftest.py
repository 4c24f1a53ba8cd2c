"""An installation in a folder, and its commands run in this process."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import tomlkit
from click.testing import CliRunner, Result

from config.customers import Credential, Customer
from config.settings import load_settings
from consent.keys import Secrets
from gateway.cli import main
from gateway.stores import Stores
from tests.rig.registry import NOW, place_both, store


@dataclass
class Installation:
    """A postern.toml, a registry with customers, no running gateway."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its settings file."""
        return self.folder / "postern.toml"

    def configure(self, **changes: object) -> None:
        """Write postern.toml; everything is on free ports, and there is no next hop."""
        values: dict[str, object] = {
            "hostname": "gw.example",
            "smtp": {"listeners": [{"address": "127.0.0.1:0", "auth_without_tls": True}]},
            "next_hops": [{"name": "default", "addresses": ["127.0.0.1:1"]}],
            "http": {"address": "127.0.0.1:0"},
        }
        self.file.write_text(tomlkit.dumps({**values, **changes}))

    def stores(self) -> Stores:
        """Its registry, opened."""
        return Stores.open(load_settings(self.file))

    def secrets(self) -> Secrets:
        """Its secrets."""
        return Secrets.load_or_create(self.folder / "var/secrets.toml")

    def apply(self, *customers: Customer) -> None:
        """Add or replace customers."""
        stores = self.stores()
        store(stores.database).apply(customers, NOW)
        stores.database.close()

    def run(self, *arguments: str | Path) -> Result:
        """A command with its --config behind its arguments."""
        return run(*arguments, "--config", self.file)


def run(*arguments: str | Path) -> Result:
    """A command. An exception that is no exit of the command's own is raised: nobody is shown a traceback."""
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def refused(result: Result, *words: str, status: int = 2) -> str:
    """The one line that says what is wrong and holds all the words."""
    assert result.exit_code == status, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("postern: ")
    for word in words:
        assert word in line
    return line


def acme(**changes: object) -> Customer:
    """The customer acme, identified by its address."""
    values = {
        "id": "acme",
        "name": "Acme Ltd",
        "domains": ("acme.example", "news.acme.example"),
        "credentials": (Credential(networks=("127.0.0.2/32",)),),
    }
    return Customer.model_validate({**values, **changes})


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """With the customer acme."""
    found = Installation(tmp_path)
    found.configure()
    place_both(tmp_path / "var/postern.db")
    found.apply(acme())
    return found
