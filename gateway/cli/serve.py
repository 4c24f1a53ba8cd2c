"""`postern serve`: the gateway, in one process or with workers."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import click
import tomlkit

from config.files import ConfigError
from config.policy import Policy
from config.settings import Settings, load_settings
from filters import RULES
from filters.engine import bind
from gateway.app import Gateway
from gateway.audit.errors import JournalError
from gateway.cli.context import checked_policy, config_option, utc_now
from gateway.forked import Forked, fork
from gateway.reload import reload
from gateway.supervisor import check, counters_shared, names
from gateway.systemd import Notify
from gateway.worker import work

log = logging.getLogger("postern")


@click.command("serve")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N",
    help="Serve SMTP in so many processes, one for each core; more than one count in Redis.",
)  # fmt: skip
@config_option
def command(log_level: str, workers: int | None, settings: Settings) -> None:
    """Run the gateway: HTTP first, then SMTP. SIGTERM and Ctrl-C drain it, a second one ends it at once. SIGHUP rereads
    settings, policy and certificates.

    Prints the effective configuration, without secrets, before it listens.
    """
    level = logging.getLevelNamesMapping()[log_level.upper()]
    set_up_log(level)
    policy = checked_policy(settings)
    check(settings, workers or 0)
    click.echo(effective(settings, policy), nl=False)
    config: Path = click.get_current_context().params["config"]

    def reread() -> tuple[Settings, Policy]:
        settings = load_settings(config)
        return settings, checked_policy(settings)

    forked = forked_workers(settings, workers, level) if workers else []
    run(serve(settings, policy, reread, workers or 0, forked))


def forked_workers(settings: Settings, workers: int, level: int) -> list[Forked]:
    """The first workers, once all that they need is imported."""
    if counters_shared(settings):
        import gateway.ledger.clusters_redis
        import gateway.ledger.redis  # noqa: F401
    return fork(names(workers), lambda name, channel: work(name, channel, level))


def set_up_log(level: int, process: str = "") -> None:
    """Log to standard error, with the name of the process where there are several."""
    form = f"%(asctime)s %(levelname)s {process + ' ' if process else ''}%(name)s: %(message)s"
    logging.basicConfig(level=level, stream=sys.stderr, format=form)
    # aiosmtpd logs each command, at info.
    logging.getLogger("mail.log").setLevel(logging.WARNING)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop."""
    import uvloop

    # What was imported stays, and sessions and messages leave no cycles behind: the garbage collector has little to
    # find, and to look through everything stops all sessions for a twentieth of a second.
    settled()
    gc.set_threshold(20_000, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def settled() -> None:
    """What is in memory now stays, and need not be looked through for garbage: with 100,000 customers that would stop
    all sessions for more than a second. What the imports have left free goes back to the system, a seventh of all; only
    the GNU C library has a call for that."""
    gc.freeze()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


async def serve(
    settings: Settings,
    policy: Policy,
    reread: Callable[[], tuple[Settings, Policy]],
    workers: int = 0,
    forked: Sequence[Forked] = (),
) -> None:
    """Start, wait for SIGTERM or SIGINT, drain; meanwhile reread what SIGHUP asks for."""
    loop, signals = asyncio.get_running_loop(), asyncio.Queue[signal.Signals]()
    # Before anything is opened, so that what was opened is always closed.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    gateway, notify = Gateway(settings, policy, utc_now, workers=workers, forked=forked), Notify()
    await gateway.start()
    settled()
    for address in gateway.smtp_addresses:
        click.echo(f"SMTP listens on {address}")
    for address in gateway.http_addresses:
        click.echo(f"HTTP listens on {address}")
    click.echo("ready")
    notify.ready(f"policy {gateway.policy.digest[:12]}")
    watchdog = loop.create_task(notify.watchdog())
    while await signals.get() == signal.SIGHUP:
        notify.reloading()
        notify.ready(await _reloaded(gateway, reread))
    click.echo("stopping: no new connections, open transactions are finished")
    notify.stopping()
    stopping = loop.create_task(gateway.stop())
    hurry = loop.create_task(_hurried(gateway, signals))
    try:
        await stopping
    finally:
        watchdog.cancel()
        hurry.cancel()


async def _hurried(gateway: Gateway, signals: "asyncio.Queue[signal.Signals]") -> None:
    """A second SIGTERM ends at once what is being drained."""
    while await signals.get() == signal.SIGHUP:
        pass
    click.echo("stopping at once: open transactions are given up")
    gateway.hurry()


async def _reloaded(gateway: Gateway, reread: Callable[[], tuple[Settings, Policy]]) -> str:
    """Reread and put in force, or leave all as it is; what to say of it."""
    try:
        settings, policy = await asyncio.to_thread(reread)
        names = await reload(gateway, settings, policy)
    except (ConfigError, JournalError, OSError) as error:
        gateway.metrics.reloads.labels("refused").inc()
        gateway.metrics.alarm("reload", f"SIGHUP: nothing is changed: {error}")
        return f"reload refused: {str(error).splitlines()[0]}"
    gateway.metrics.reloads.labels("done").inc()
    log.info("reloaded: policy hash %s; settings changed: %s", policy.digest, ", ".join(names) or "none")
    return f"policy {policy.digest[:12]}"


def effective(settings: Settings, policy: Policy) -> str:
    """The configuration in force as TOML, secrets masked, and what is switched off."""
    off = sorted({rule.code for rule in RULES} - {bound.rule.code for bound in bind(policy)})
    actions = {rule.code: policy.actions.get(rule.code, rule.default).value for rule in RULES}
    shown = {
        **_without_none(settings.shown()),
        "policy": {**policy.model_dump(mode="json", exclude_none=True), "actions": actions},
    }
    lines = ["# effective configuration", tomlkit.dumps(shown).rstrip("\n"), f"# policy hash {policy.digest}"]
    lines.append(f"# switched off: {', '.join(off) or 'nothing'}")
    if not (settings.operator.mailbox and settings.operator.domains):
        lines.append("# mail to postmaster and abuse: not received; set [operator] domains and mailbox")
    if not settings.dns.servers:
        lines.append("# DNS is not asked: domains are not looked up, forwarded mail gets 451; set [dns] servers")
    if policy.mode == "observe":
        lines.append("# mode observe: nothing is refused by rule")
    return "\n".join(lines) + "\n"


def _without_none(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return {
        key: _without_none(part) if isinstance(part, dict)
        else [_without_none(each) if isinstance(each, dict) else each for each in part] if isinstance(part, list)
        else part
        for key, part in value.items()
        if part is not None
    }  # fmt: skip
