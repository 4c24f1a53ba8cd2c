"""Strangers who guess passwords do not keep customers from logging in (bound per address, not only in total)."""

import asyncio
import base64
from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import Talk

BAD = "AUTH PLAIN " + base64.b64encode(b"\0acme-app\0wrong").decode()


async def test_guessing_from_one_address_does_not_lock_customers_out(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        guessers = [await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.9", 0)) for _ in range(80)]
        for guesser in guessers:
            await guesser.ask("EHLO guess.example")

        async def guess(talk: Talk) -> None:
            while True:
                try:
                    await talk.ask(BAD)
                except (AssertionError, ConnectionError):  # sent away after so many commands: comes back
                    talk.writer.transport.abort()
                    guessers.remove(talk)
                    talk = await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.9", 0))
                    guessers.append(talk)
                    await talk.ask("EHLO guess.example")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(guess(guesser)) for guesser in guessers]
            await asyncio.sleep(0.5)
            said = []
            for _ in range(5):
                talk = await Talk.to(gateway.smtp_addresses[0])
                said.append(await talk.login())
                talk.writer.close()
            for task in tasks:
                task.cancel()
        for guesser in guessers:
            guesser.writer.transport.abort()
        assert any(reply.startswith("235 ") for reply in said), said
