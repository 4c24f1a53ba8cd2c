"""`postern serve`: the gateway."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import click
import tomlkit

from config.policy import Policy
from config.settings import Settings
from filters import RULES
from filters.engine import bind
from gateway.app import Gateway
from gateway.cli.context import checked_policy, config_option, utc_now

log = logging.getLogger("postern")


@click.command("serve")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@config_option
def command(log_level: str, settings: Settings) -> None:
    """Run the gateway: HTTP first, then SMTP. SIGTERM and Ctrl-C drain it.

    Prints the effective configuration, without secrets, before it listens.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # aiosmtpd logs each command, at info.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    policy = checked_policy(settings)
    click.echo(effective(settings, policy), nl=False)
    run(serve(settings, policy))


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def serve(settings: Settings, policy: Policy) -> None:
    """Start, wait for SIGTERM or SIGINT, drain."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    # Before anything is opened, so that what was opened is always closed.
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    loop.add_signal_handler(
        signal.SIGHUP,
        log.warning,
        "SIGHUP: settings, policy and certificates are read at start; restart to change them",
    )
    gateway = Gateway(settings, policy, utc_now)
    await gateway.start()
    for address in gateway.smtp_addresses:
        click.echo(f"SMTP listens on {address}")
    click.echo(f"HTTP listens on {gateway.http_address}")
    click.echo("ready")
    await stop.wait()
    click.echo("stopping: no new connections, open transactions are finished")
    await gateway.stop()


def effective(settings: Settings, policy: Policy) -> str:
    """The configuration in force as TOML, secrets masked, and what is switched off."""
    off = sorted({rule.code for rule in RULES} - {bound.rule.code for bound in bind(policy)})
    actions = {rule.code: policy.actions.get(rule.code, rule.default).value for rule in RULES}
    shown = {**_without_none(settings.shown()), "policy": {**policy.model_dump(mode="json"), "actions": actions}}
    lines = ["# effective configuration", tomlkit.dumps(shown).rstrip("\n"), f"# policy hash {policy.digest}"]
    lines.append(f"# switched off: {', '.join(off) or 'nothing'}")
    if not (settings.operator.mailbox and settings.operator.domains):
        lines.append("# mail to postmaster and abuse: not received; set [operator] domains and mailbox")
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
