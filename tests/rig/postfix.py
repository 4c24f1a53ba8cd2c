"""A real Postfix of its own for a test: own configuration, queue and data folders, loopback only, no chroot.

Needs root (master(8) must be able to become user `postfix`) and the Debian package `postfix`; a client that
authenticates needs `libsasl2-modules` too (the PLAIN mechanism; only recommended by the package). Of the system's own
Postfix nothing is read but /etc/postfix/postfix-files and dynamicmaps.cf, which belong to the package; its main.cf
need not exist, and it may be running. Any number of instances run side by side.

The folder is made in the system's temporary folder, not under pytest's: that one is closed (mode 0700) to the user
that Postfix's daemons run as, and each start of pytest closes it again.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.processes import RigError, wait_for_port, wait_until

FLUSH_SECONDS = 5.0
"""While a queue is waited for to empty, it is flushed so often."""
SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
"""master.cf without listeners: what a relay needs, nothing in a chroot."""


def missing() -> str:
    """What keeps a Postfix from being started here, as one line; empty when nothing does."""
    if os.geteuid() != 0:
        return "Postfix is started by root only"
    if shutil.which("postfix") is None or shutil.which("postqueue") is None:
        return "the Debian package postfix is not installed"
    return ""


def relay_to(port: int) -> dict[str, str]:
    """Settings with which everything accepted goes to 127.0.0.1:`port`."""
    return {"relayhost": f"[127.0.0.1]:{port}"}


def client_of(port: int, username: str = "", password: str = "") -> dict[str, str]:
    """Settings of a customer's Postfix whose smarthost is 127.0.0.1:`port`, with AUTH PLAIN if a username is given."""
    settings = relay_to(port)
    if username:
        settings |= {
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"static:{username}:{password}",
            "smtp_sasl_security_options": "",
            "smtp_sasl_mechanism_filter": "plain",
        }
    return settings


class PostfixInstance:
    """One Postfix, listening on 127.0.0.1:`listen_port`, started and removed by its `with` block.

    `settings` are main.cf parameters put over those of `base_settings`; `services` are lines put under those of
    master.cf, such as further listeners. Retries come after one to two seconds. Mail is passed on as it came: no
    header is rewritten or completed and no line is folded, so that what arrives can be compared byte by byte.
    """

    def __init__(
        self, name: str, listen_port: int, settings: Mapping[str, str] | None = None, *, services: str = ""
    ) -> None:
        self.name = name
        self.port = listen_port
        self._settings = dict(settings or {})
        self._services = services
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where it lives: etc/, queue/, data/ and log; raises RigError when it is not started."""
        if self._folder is None:
            raise RigError(f"Postfix {self.name}: not started")
        return self._folder

    def base_settings(self) -> dict[str, str]:
        """main.cf before the caller's own settings."""
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "data"),
            "mail_owner": "postfix",
            "maillog_file": str(self.folder / "log"),
            "maillog_file_prefixes": str(self.folder),
            "myhostname": f"{self.name}.example",
            "mydestination": "",
            "alias_maps": "",
            "local_recipient_maps": "",
            "notify_classes": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_recipient_restrictions": "permit_mynetworks, reject",
            "default_process_limit": "150",
            # Nothing is made better on the way.
            "local_header_rewrite_clients": "",
            "smtp_line_length_limit": "0",
            "disable_mime_output_conversion": "yes",
            "message_size_limit": "104857600",
            "mailbox_size_limit": "0",
            # A test does not wait five minutes for the second attempt.
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "enable_long_queue_ids": "yes",
        }

    def start(self) -> Self:
        """Write the configuration, start it and wait for its listener; raises RigError with its log."""
        if reason := missing():
            raise RigError(reason)
        self._folder = Path(tempfile.mkdtemp(prefix=f"postern-{self.name}-"))
        self._folder.chmod(0o711)
        closed = [str(parent) for parent in self._folder.parents if not parent.stat().st_mode & 0o001]
        if closed:
            self._remove()
            raise RigError(f"user postfix cannot enter {closed[0]}: set TMPDIR to a folder that all may enter")
        for part in ("etc", "queue", "data"):
            (self._folder / part).mkdir(mode=0o755)
        owner = pwd.getpwnam("postfix")
        os.chown(self._folder / "data", owner.pw_uid, -1)
        self._write()
        try:
            self.command("postfix", "start")
            wait_for_port(self.port)
        except RigError as error:
            log = self.log_text()[-4000:]
            self.stop()
            raise RigError(f"Postfix {self.name}: {error}\n{log}") from None
        return self

    def _write(self) -> None:
        settings = {**self.base_settings(), **self._settings}
        main = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (self.folder / "etc" / "main.cf").write_text(main)
        listener = f"127.0.0.1:{self.port} inet n - n - - smtpd\n"
        (self.folder / "etc" / "master.cf").write_text(listener + SERVICES + self._services)
        (self.folder / "log").touch()

    def command(self, program: str, *arguments: str) -> str:
        """Run one of Postfix's programs on this instance; its standard output. Raises RigError when it fails."""
        done = subprocess.run(
            [program, "-c", str(self.folder / "etc"), *arguments], capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise RigError(f"{program} {' '.join(arguments)}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def change(self, settings: Mapping[str, str]) -> None:
        """Put main.cf parameters over those it has, and reload."""
        self._settings.update(settings)
        self._write()
        self.command("postfix", "reload")

    @property
    def master_pid(self) -> int:
        """The process id of its master(8): the root of its process tree."""
        return int((self.folder / "queue" / "pid" / "master.pid").read_text())

    def log_text(self) -> str:
        """All it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def statuses(self) -> Counter[str]:
        """How many delivery attempts ended as `sent`, `deferred`, `bounced` or `expired`."""
        words = (line.partition(" status=")[2].partition(" ")[0] for line in self.log_text().splitlines())
        return Counter(word for word in words if word)

    def queue_ids(self) -> list[str]:
        """The ids of the messages in its queue."""
        return [json.loads(line)["queue_id"] for line in self.command("postqueue", "-j").splitlines()]

    def flush(self) -> None:
        """Attempt everything in the queue now."""
        self.command("postqueue", "-f")

    def wait_empty(self, timeout: float = 60) -> None:
        """Return once its queue is empty; raises RigError with queue and end of its log after `timeout` seconds.

        A message that qmgr comes upon while the last attempt is not quite over ("skipped, still being delivered") is
        put aside for a minute, whatever the back-off times say; a flush takes it up at once.
        """
        flushed = time.monotonic()

        def empty() -> bool:
            nonlocal flushed
            if not self.queue_ids():
                return True
            if time.monotonic() - flushed > FLUSH_SECONDS:
                self.flush()
                flushed = time.monotonic()
            return False

        try:
            wait_until(empty, timeout, f"the queue of Postfix {self.name} is empty")
        except RigError as error:
            queue = self.command("postqueue", "-p")
            raise RigError(f"{error}\n{queue}\n{self.log_text()[-4000:]}") from None

    def stop(self) -> None:
        """Stop it and remove its folder, queue and all."""
        if self._folder is None:
            return
        done = subprocess.run(
            ["postfix", "-c", str(self._folder / "etc"), "stop"], capture_output=True, text=True, timeout=60
        )
        self._remove()
        if done.returncode and "not running" not in done.stderr:
            raise RigError(f"Postfix {self.name} did not stop: {done.stderr.strip()}")

    def _remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self if self._folder is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
