"""The composition root: what is opened is closed, in order, and a failed start leaves nothing behind."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from config.files import ConfigError
from config.policy import Policy
from gateway.app import Gateway
from gateway.audit.errors import JournalLocked
from tests.rig.gateway import Clock, decisions, running, settings_for
from tests.rig.talk import CLEAN, Talk


async def test_a_second_gateway_on_one_data_dir_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        with pytest.raises(JournalLocked):
            await Gateway(gateway.settings, Policy(), Clock()).start()


async def test_a_failed_start_can_be_repeated(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        taken = settings_for(tmp_path / "b", hop.address, http={"address": gateway.http_address})
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"http\.address: cannot listen"):
                await Gateway(taken, Policy(), Clock()).start()


async def test_start_is_recorded_and_stop_can_be_repeated(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        await gateway.stop()
        await gateway.stop()
        assert [record["version"] for record in decisions(gateway, kind="start")] == [gateway.version]


async def test_old_evidence_is_retired_by_policy(tmp_path: Path) -> None:
    clock = Clock()
    policy = Policy.model_validate({"audit": {"retention_days": 30}})
    async with running(tmp_path, clock=clock, policy=policy) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        await talk.ask(CLEAN)
        talk.writer.close()
    clock.now += timedelta(days=40)
    async with running(tmp_path, clock=clock, policy=policy) as (gateway, hop, _):
        await hop.until(lambda: decisions(gateway) == [])
        assert len(decisions(gateway, kind="retired")) == 1
        assert gateway.evidence.verify().ok


async def test_tasks_end_with_the_gateway(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with running(tmp_path):
        pass
    await asyncio.sleep(0)
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}
