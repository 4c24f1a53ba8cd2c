"""Commands run as an operator would, with settings in a folder of their own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from gateway.cli import main

SETTINGS = """\
hostname = "gw.example"
data_dir = "var"
[[smtp.listeners]]
address = "127.0.0.1:2525"
auth_without_tls = true
[[next_hops]]
name = "default"
addresses = ["127.0.0.1:2526"]
"""

CUSTOMERS = """\
[[customers]]
id = "acme"
name = "Acme Ltd"
domains = ["acme.example"]
[[customers.credentials]]
username = "acme-app"
password = "correct horse"

[[customers]]
id = "brand"
name = "Brand"
domains = ["brand.example"]
[[customers.credentials]]
networks = ["198.51.100.0/28"]
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with postern.toml and customers.toml."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> "Desk":
        """The folder, with both files written."""
        (folder / "postern.toml").write_text(SETTINGS)
        (folder / "customers.toml").write_text(CUSTOMERS)
        return cls(folder)

    @property
    def customers(self) -> str:
        """The customers file."""
        return str(self.folder / "customers.toml")

    def run(self, *arguments: str, input: str | None = None) -> Result:
        """Run a command; `--config` is put after it, `input` is its standard input."""
        return CliRunner().invoke(main, [*arguments, "--config", str(self.folder / "postern.toml")], input=input)

    def done(self, *arguments: str) -> str:
        """Run a command that must end with status 0; its standard output."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def records(self) -> list[dict[str, Any]]:
        """The audit's action records that commands wrote, oldest first."""
        found = []
        for segment in sorted((self.folder / "var" / "audit" / "cli").glob("*.jsonl")):
            found += [json.loads(line) for line in segment.read_text().splitlines()]
        return [record for record in found if record["kind"] == "action"]
