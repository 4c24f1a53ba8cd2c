"""`postern sink`: a sandbox next hop."""

import asyncio
import os
import signal
from pathlib import Path

import click

from config.settings import split_address
from gateway.cli.context import fail, printable
from gateway.smtp.sink import Sink


@click.command("sink")
@click.option(
    "--address", default="127.0.0.1:2526", show_default=True, help="Where to listen; port 0 takes a free one."
)
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("var/sink"), show_default=True, help="Where mail is kept."
)
def command(address: str, folder: Path) -> None:
    """Run a sandbox next hop that takes all mail and keeps each message in a file.

    For trials: point a [[next_hops]] entry at it and look at what Postern forwards. It delivers nothing.
    """
    try:
        host, port = split_address(address)
    except ValueError as error:
        fail(f"--address: {error}", 2)

    async def run() -> None:
        stop = asyncio.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        try:
            sink = Sink(
                folder,
                lambda path, envelope: click.echo(
                    f"{path}  from <{printable(envelope.mail_from)}> to {printable(', '.join(envelope.rcpt_tos))}"
                ),
            )
        except OSError as error:
            fail(f"--folder: {folder} cannot be made: {error.strerror}", 2)
        try:
            bound = await sink.open(host, port)
        except OSError as error:
            fail(f"--address: cannot listen on {address}: {os.strerror(error.errno or 0)}; name another", 2)
        click.echo(f"sink listens on {host}:{bound}, keeps mail in {folder}")
        await stop.wait()
        await sink.close()

    asyncio.run(run())
