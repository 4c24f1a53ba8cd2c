"""A real HAProxy in front of gateways, with the configuration that the operator's guide shows."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.processes import Process

GUIDE = Path(__file__).parents[2] / "docs" / "operator.md"


def missing() -> str:
    """What keeps an HAProxy from being started here, as one line; empty when nothing does."""
    return "" if shutil.which("haproxy") else "the Debian package haproxy is not installed"


def configuration(listeners: Mapping[int, Sequence[int]]) -> str:
    """The guide's, with these addresses in it: for each port of ours, the ports of the gateways behind it."""
    (text,) = re.findall(r"^```haproxy\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    common, _, listen = str(text).partition("listen ")
    lines = listen.splitlines()
    kept = [line for line in lines[1:] if line.split()[0] not in ("bind", "server")]
    assert len(kept) == len(lines) - 4, "a name, bind, two servers"
    for port, gateways in listeners.items():
        servers = [f"    server gw{number} 127.0.0.1:{each}" for number, each in enumerate(gateways, 1)]
        common += "\n".join((f"listen of{port}", f"    bind 127.0.0.1:{port}", *kept, *servers, "", ""))
    return common


class Haproxy(Process):
    """One that `start` starts and `stop` ends, in the foreground."""

    def __init__(self, folder: Path, listeners: Mapping[int, Sequence[int]]) -> None:
        """`listeners` as in `configuration`."""
        (folder / "haproxy.cfg").write_text(configuration(listeners))
        self.ports = tuple(listeners)
        super().__init__(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder / "haproxy.log")

    def up(self) -> "Haproxy":
        """Start it and wait until it listens."""
        self.start(self.ports[0])
        return self
