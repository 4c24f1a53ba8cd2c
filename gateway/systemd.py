"""systemd: what a service of Type=notify tells its manager (sd_notify(3)); elsewhere nothing is sent."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger("postern.systemd")

KEPT_BACK = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
"""What systemd tells the process that it started, and no other."""


class Notify:
    """Sends states to the socket that NOTIFY_SOCKET names."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]  # an abstract one
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(environment.get("WATCHDOG_USEC", "0") or 0) / 1e6 if self._address and ours else 0.0
        """Within which the manager wants to hear that the event loop turns; 0: it does not ask."""

    def ready(self, status: str) -> None:
        """Started, or done with reloading."""
        self._send(f"READY=1\nSTATUS=ready: {status}")

    def reloading(self) -> None:
        """SIGHUP has come; the manager knows by the time that it is the one it sent."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=reloading")

    def stopping(self) -> None:
        """No new connections from here on."""
        self._send("STOPPING=1\nSTATUS=stopping: open transactions are finished")

    async def watchdog(self) -> None:
        """Say that the loop turns, twice as often as asked, until cancelled."""
        while self.watchdog_seconds:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / 2)

    def _send(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(state.encode(), self._address)
        except OSError as error:
            log.warning("systemd is not told %s: %s", state.partition("\n")[0], error)
