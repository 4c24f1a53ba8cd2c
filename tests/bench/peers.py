"""Those who check and sign as Postern does: Postfix with rspamd as its milter, and Haraka with its plugins.

Both sign with one RSA-2048 key and count in a Redis of their own. rspamd is Debian's (`rspamd`); Haraka comes from npm
(`haraka/package.json`) and needs Node. Where one cannot be had, `missing_…` says why.
"""

import getpass
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bench.relays import SOURCES, Command, PostfixRelay
from tests.rig import postfix, redis
from tests.rig.postfix import PostfixInstance, relay_to
from tests.rig.processes import Process, RigError, free_port, wait_until

_SIGNED = "From, Reply-To, Subject, Date, Message-ID, To, MIME-Version, Content-Type, List-Id, List-Unsubscribe, List-Unsubscribe-Post"

RSPAMD = """\
options {{ filters = "dkim"; pidfile = "{folder}/pid"; local_addrs = ["127.0.0.0/8"];
  lua_path = "/usr/share/rspamd/lualib/?.lua";
  dns {{ nameserver = ["127.0.0.1:5399"]; timeout = 100ms; retransmits = 0; }} }}
logging {{ type = "file"; filename = "{folder}/log"; level = "warning"; }}
redis {{ servers = "127.0.0.1:{redis}"; }}
actions {{ reject = 1500; add_header = 1200; greylist = 1100; }}
worker "rspamd_proxy" {{ bind_socket = "{folder}/milter mode=0666"; count = 2; milter = yes; timeout = 20s;
  upstream "local" {{ default = yes; self_scan = yes; }}
  max_retries = 1; discard_on_reject = false; quarantine_on_reject = false; }}
dkim_signing {{ enabled = true; sign_local = true; use_domain = "header"; use_esld = false;
  allow_username_mismatch = true; allow_hdrfrom_mismatch = true; allow_envfrom_empty = true; check_pubkey = false;
  domain {{ "example.com" {{ path = "{key}"; selector = "bench"; }} }} }}
dkim {{ sign_headers = "{signed}"; }}
ratelimit {{ enabled = true;
  rates {{ sender {{ selector = "from('smtp','orig'):addr";
    bucket = [ {{ burst = 100000000; rate = "1000000 / 1s"; }} ] }} }} }}
modules {{ path = "/usr/share/rspamd/plugins/dkim_signing.lua"; path = "/usr/share/rspamd/plugins/ratelimit.lua"; }}
"""

HARAKA = {
    "smtp.ini": "listen=127.0.0.1:{port}\nnodes=2\nspool_dir=\ngraceful_shutdown=false\n",
    "log.ini": "level=warn\n",
    "loglevel": "warn\n",
    "me": "relay.example\n",
    "smtp_forward.ini": "host=127.0.0.1\nport={next_hop}\nenable_outbound=true\n",
    "redis.ini": "[server]\nhost=127.0.0.1\nport={redis}\n[redis]\n",
    "limit.ini": "[redis]\nhost=127.0.0.1\nport={redis}\ndatabase=4\n"
    "[rate_rcpt_sender]\nenabled=true\ndefault=100000000/60s\n",
    "dkim.ini": "[sign]\nenabled=true\nselector=bench\ndomain=example.com\nheaders={signed}\n"
    "[canon]\nbody=relaxed\n[verify]\nenabled=false\n",
    "dkim/example.com/selector": "bench\n",
    "headers.ini": "[check]\nduplicate_singular=true\nmissing_required=true\ninvalid_return_path=false\n"
    "invalid_date=false\nuser_agent=false\ndirect_to_mx=false\nfrom_match=false\nfrom_phish=false\n"
    "mailing_list=false\ndelivered_to=false\n[reject]\n",
    "plugins": "redis\nlimit\naccept_all\nheaders\ndkim\nqueue/smtp_forward\n",
}
"""Its configuration, file by file, over that which it comes with."""
ACCEPT_ALL = """\
'use strict'
exports.register = function () { this.register_hook('rcpt', 'ok'); this.register_hook('connect', 'rel') }
exports.ok = (next) => next(OK)
exports.rel = (next, connection) => { connection.relaying = true; next() }
"""


def signing_key(folder: Path) -> Path:
    """An RSA-2048 key in PEM that all may read: the peers do not run as we do."""
    path = folder / "dkim.key"
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.write_bytes(private)
    path.chmod(0o644)
    return path


def missing_rspamd() -> str:
    """What keeps Postfix with rspamd from being measured; empty when nothing does."""
    if reason := postfix.missing():
        return reason
    return "" if shutil.which("rspamd") else "the Debian package rspamd is not installed"


def start_rspamd(stack: ExitStack, folder: Path, next_hop: int) -> PostfixRelay:
    """Postfix's queue behind an rspamd that signs and limits and does nothing else. Raises RigError."""
    server = stack.enter_context(redis.running())
    folder.mkdir()
    for each in (folder, *folder.parents[:1]):
        each.chmod(0o755)  # Postfix's smtpd opens the socket
    config, key = folder / "rspamd.conf", signing_key(folder)
    signed = _SIGNED.lower().replace(", ", ":")
    config.write_text(RSPAMD.format(folder=folder, redis=server.port, key=key, signed=signed))
    as_root = ["-i"] if getpass.getuser() == "root" else []
    process = Process(["rspamd", *as_root, "-f", "-c", config], folder / "out")
    stack.enter_context(process.start())
    milter = folder / "milter"
    wait_until(lambda: milter.exists() or not process.running, 60, "rspamd opens its socket")
    if not process.running:
        raise RigError(f"rspamd ended\n{process.tail()}")
    settings = relay_to(next_hop) | {
        "smtpd_milters": f"unix:{milter}",
        "milter_default_action": "tempfail",
        "milter_protocol": "6",
    }
    instance = stack.enter_context(PostfixInstance("rspamd", free_port(), settings))
    return PostfixRelay("postfix+rspamd", instance, (process, server))


def install_haraka(out: Path) -> str:
    """Install Haraka under `out` where it is not there yet; why that cannot be done, empty when it is there."""
    folder = out / "haraka"
    if (folder / "node_modules" / "Haraka" / "bin" / "haraka").exists():
        return "" if shutil.which("node") else "Haraka needs node"
    if not shutil.which("npm"):
        return "Haraka needs node and npm"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCES / "haraka" / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--omit=optional"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
    return f"npm install: status {done.returncode}: {said}" if done.returncode else ""


def start_haraka(stack: ExitStack, folder: Path, out: Path, next_hop: int) -> Command:
    """Haraka with two workers, that looks at headers, limits in Redis, signs and forwards. Raises RigError."""
    server = stack.enter_context(redis.running())
    home, port = out / "haraka", free_port()
    folder.mkdir()
    (folder / "plugins").mkdir()
    (folder / "queue").mkdir()
    shutil.copytree(home / "node_modules" / "Haraka" / "config", folder / "config")
    (folder / "plugins" / "accept_all.js").write_text(ACCEPT_ALL)
    key = signing_key(folder)
    for name, text in HARAKA.items():
        path = folder / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(port=port, redis=server.port, next_hop=next_hop, signed=_SIGNED))
    shutil.copy(key, folder / "config" / "dkim" / "example.com" / "private")
    shutil.copy(key, folder / "config" / "dkim.private.key")
    process = Process(["node", home / "node_modules" / "Haraka" / "bin" / "haraka", "-c", folder], folder / "out")
    stack.enter_context(process.start(port=port))
    return Command("haraka", port, None, process, (server,))
