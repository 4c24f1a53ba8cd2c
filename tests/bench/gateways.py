"""Postern as `make bench` measures it: one customer, a registry of many consents, with and without a key that signs.

The registry is built once by the program itself and kept under `build/bench`; each gateway gets a copy of all but the
consents, which they share: ten million take 7 GB. Its rows are grounds for the addresses that smtpload writes to
(`user0@example.org` and so on), on the list that its bulk mail names. Class bulk comes from an address of its own, which
is a credential of stream `bulk`: each of its recipients is decided about at RCPT and at the final dot.
"""

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from consent.schema import REVISION
from tests.bench.measure import BULK_CLIENT
from tests.bench.relays import Command
from tests.rig import redis
from tests.rig.processes import Process, RigError, free_port

USERNAME, PASSWORD = "bench-app", "bench-password-of-no-worth"
CUSTOMER, LIST, DOMAIN = "bench", "weekly", "example.com"

SETTINGS = """\
hostname = "gw.example"
data_dir = "data"

[[smtp.listeners]]
address = "127.0.0.1:{port}"
role = "submission"
auth_without_tls = true

[[next_hops]]
name = "default"
addresses = ["127.0.0.1:{next_hop}"]
share = 1.0
sessions = 1000

[registry]
url = "sqlite:///data/postern.db"

[ledger]
url = "{ledger}"

[http]
address = "127.0.0.1:{http}"

[limits]
connections = 20000
connections_per_address = 20000
connections_per_customer = 20000
loop_delay = 60  # late because others use the machine is no reason to turn the load away
"""

CUSTOMERS = f"""\
[[customers]]
id = "{CUSTOMER}"
name = "Bench Ltd"
postal_address = "1 High Street, Exampletown"
contact = "postmaster@{DOMAIN}"
domains = ["{DOMAIN}"]
unsubscribe_hosts = ["www.{DOMAIN}"]

bulk = {{ slow_start = 0, observed = {{ day = 0, month = 0, year = 0 }} }}  # the load is one text

[[customers.credentials]]
networks = ["127.0.0.0/10"]  # the others are for `tests.bench.grown`
stream = "auto"

[[customers.credentials]]
networks = ["{BULK_CLIENT}/32"]
stream = "bulk"
list = "{LIST}"

[[customers.credentials]]
username = "{USERNAME}"
password = "{PASSWORD}"
stream = "auto"
"""


def run(program: Path, config: Path, *arguments: str | Path) -> None:
    """A command of Postern's; raises RigError when it fails."""
    command = [str(part) for part in (program, *arguments, "--config", config)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        what = " ".join(str(part) for part in arguments[:2])
        raise RigError(f"postern {what}: status {done.returncode}: {done.stdout}{done.stderr}")


def configure(folder: Path, next_hop: int, ledger: str) -> tuple[Path, int]:
    """Write the settings; their file, and the port of the listener."""
    port, config = free_port(), folder / "postern.toml"
    config.write_text(SETTINGS.format(port=port, http=free_port(), next_hop=next_hop, ledger=ledger))
    return config, port


def write_consents(path: Path, rows: int) -> None:
    """A file of the generic format with a consent of each address that smtpload writes to."""
    with path.open("w") as file:
        file.write("email,event_state,event_time,source_ref,ip,notice_id\n")
        for number in range(rows):
            at = f"{2024 + number % 2}-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:{number // 24 % 60:02}:{number // 1440 % 60:02}Z"
            ip = f"{1 + number % 9}.{number // 9 % 250}.{number // 2250 % 250}.{number % 251}"
            file.write(f"user{number}@example.org,given,{at},https://www.{DOMAIN}/join,{ip},join-1\n")


def registry(program: Path, out: Path, rows: int) -> Path:
    """A data folder with the customer and so many consents, made when it is not there yet; raises RigError."""
    made = out / f"registry-{REVISION}-{rows}"
    if made.is_dir():
        return made / "data"
    new = made.with_name(f"{made.name}.{os.getpid()}.new")
    new.mkdir(parents=True)
    try:
        config, _ = configure(new, 25, "memory://")
        customers, consents = new / "customers.toml", new / "consents.csv"
        customers.write_text(CUSTOMERS)
        run(program, config, "customers", "apply", customers)
        if rows:
            write_consents(consents, rows)
            run(program, config, "consent", "import", consents, "--customer", CUSTOMER, "--list", LIST)
            consents.unlink()
        new.rename(made)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return made / "data"


def start_postern(
    stack: ExitStack, program: Path, folder: Path, next_hop: int, workers: int, *, data: Path, signing: bool = False
) -> Command:
    """Start it in `folder`, on a copy of `data`, for as long as the stack lasts; raises RigError.

    With workers there is a Redis for what they count together, which counts as a part of it. `signing`: with
    RSA-2048.
    """
    if not program.exists():
        raise RigError(f"{program} does not exist: make run sets it up")
    server = stack.enter_context(redis.running()) if workers > 1 else None
    folder.mkdir(exist_ok=True)
    shutil.copytree(data, folder / "data", ignore=shutil.ignore_patterns("postern-consent.db*"))
    (folder / "data" / "postern-consent.db").symlink_to(data / "postern-consent.db")
    config, port = configure(folder, next_hop, server.url if server else "memory://")
    if signing:
        run(program, config, "dkim", "create", "--customer", CUSTOMER, "--domain", DOMAIN, "--force")
    serve: list[str | Path] = [program, "serve", "--config", config, *(["--workers", str(workers)] if workers else [])]
    process = Process(serve, folder / "postern.log")
    stack.enter_context(process.start(port=port, timeout=300))
    name = "postern+dkim" if signing else "postern"
    return Command(name, port, f"{USERNAME}:{PASSWORD}", process, (server,) if server else ())
