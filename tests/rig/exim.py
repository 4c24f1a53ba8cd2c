"""A real Exim as a customer's mail server: unpacked from Debian's packages, since installing it would remove Postfix.

The packages are fetched by apt once for this machine and user and kept in the system's temporary folder. Exim insists
on a user of its own: nss_wrapper shows it one. Root is needed, as for Postfix.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.processes import RigError, alone

PACKAGES = ("exim4-daemon-light", "libidn12", "libnss-wrapper")
_ROOT = Path(tempfile.gettempdir()) / f"postern-exim-{os.getuid()}"
_UID = 64_999
CONFIGURATION = """\
exim_path = {root}/usr/sbin/exim4
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
deliver_drop_privilege = true
primary_hostname = client.example
never_users =
trusted_users = root
local_from_check = false
log_selector = +smtp_confirmation

begin routers
smarthost:
  driver = manualroute
  transport = smarthost
  route_list = * 127.0.0.1 byname
  self = send

begin transports
smarthost:
  driver = smtp
  port = {port}
  protocol = {protocol}
  hosts_require_tls = *
  hosts_require_auth = *
  tls_verify_certificates =
  {transport}

begin retry
* * F,1h,1m

begin authenticators
{mechanism}:
  driver = plaintext
  public_name = {name}
  client_send = {send}
"""


def missing() -> str:
    """Why there is no Exim here, as one line; empty when there is one. Fetches it at the first call."""
    if os.geteuid() != 0:
        return "Exim is started by root only"
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return "Exim is unpacked from Debian's packages, and this is no Debian"
    with alone("exim"):
        if (_ROOT / "whole").exists():
            return ""
        shutil.rmtree(_ROOT, ignore_errors=True)
        _ROOT.mkdir(mode=0o755)
        _ROOT.chmod(0o755)
        try:
            fetched = subprocess.run(
                ["apt-get", "download", *PACKAGES], cwd=_ROOT, capture_output=True, text=True, timeout=120
            )
            if fetched.returncode:
                return f"Exim's packages cannot be fetched: {fetched.stderr.strip()[-200:]}"
            for package in _ROOT.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, _ROOT], check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            return f"Exim cannot be unpacked: {error}"
        # Without the setuid bit, for the loader then hides the libraries beside it.
        (_ROOT / "usr/sbin/exim4").chmod(0o755)
        for name, line in (
            ("passwd", f"Debian-exim:x:{_UID}:{_UID}::/:/bin/false"),
            ("group", f"Debian-exim:x:{_UID}:"),
        ):
            (_ROOT / name).write_text(f"{Path('/etc', name).read_text().rstrip()}\n{line}\n")
        (_ROOT / "whole").touch()
        return ""


class Exim:
    """An Exim whose smarthost is 127.0.0.1:`port`, with TLS from the start (`implicit`) or STARTTLS, and AUTH.

    `transport` is a line more of its transport.
    """

    def __init__(
        self, port: int, username: str, password: str, *, implicit: bool, login: bool = False, transport: str = ""
    ) -> None:
        self._values = {
            "port": port,
            "transport": transport,
            "protocol": "smtps" if implicit else "smtp",
            "mechanism": "login" if login else "plain",
            "name": "LOGIN" if login else "PLAIN",
            "send": f": {username} : {password}" if login else f"^{username}^{password}",
        }
        self._folder: Path | None = None

    def send(self, message: bytes, reverse_path: str, *recipients: str) -> str:
        """Let it deliver a message (LF line ends) at once; what it logged. Raises RigError when it did not take it."""
        assert self._folder is not None
        libraries = next(_ROOT.glob("usr/lib/*-linux-gnu*"))
        environment = {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": str(libraries),
            "LD_PRELOAD": str(libraries / "libnss_wrapper.so"),
            "NSS_WRAPPER_PASSWD": str(_ROOT / "passwd"),
            "NSS_WRAPPER_GROUP": str(_ROOT / "group"),
        }
        command = [
            str(_ROOT / "usr/sbin/exim4"),
            "-C",
            str(self._folder / "conf"),
            "-odf",
            "-oi",
            "-f",
            reverse_path,
            *recipients,
        ]
        done = subprocess.run(command, input=message, capture_output=True, timeout=60, env=environment)
        log = self._folder / "log" / "mainlog"
        text = log.read_text() if log.exists() else ""
        if done.returncode:
            raise RigError(f"exim: status {done.returncode}: {done.stderr.decode(errors='replace').strip()}\n{text}")
        return text

    def __enter__(self) -> Self:
        if reason := missing():
            raise RigError(reason)
        self._folder = Path(tempfile.mkdtemp(prefix="postern-exim-"))
        self._folder.chmod(0o755)
        (self._folder / "conf").write_text(CONFIGURATION.format(root=_ROOT, folder=self._folder, **self._values))
        for part in ("spool", "log"):
            (self._folder / part).mkdir()
            os.chown(self._folder / part, _UID, _UID)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
