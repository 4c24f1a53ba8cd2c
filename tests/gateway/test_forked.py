"""A forked worker waits, is taken over, and ends as one that was started; a process that has threads forks none.

Each runs in an interpreter of its own, for this one has threads.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.rig.workers import wait_gone

ROOT = Path(__file__).resolve().parents[2]


def told(tmp_path: Path, code: str) -> Any:
    """What a program, which has `asyncio`, `Child`, `fork` and `work` of a worker, leaves in `told`, and what it logs."""
    head = f"""
import asyncio, json, os, pathlib, signal, sys, threading
from gateway.child import Child, ChildFailed, ChildGone
from gateway.forked import fork
from gateway import worker
work = lambda name, channel: worker.work(name, channel, 20)
told = {{}}
os.environ["NOTIFY_SOCKET"] = "/nowhere"
{code}
pathlib.Path({str(tmp_path / "told")!r}).write_text(json.dumps(told))
"""
    done = subprocess.run([sys.executable, "-c", head], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads((tmp_path / "told").read_text()) | {"log": done.stderr}


def test_each_waits_answers_and_ends_when_told_to(tmp_path: Path) -> None:
    found = told(tmp_path, """
forked = fork(["worker-1", "worker-2"], work)
told["names"] = [each.name for each in forked]
told["comm"] = []
async def main():
    for each in forked:
        child = await Child.adopt(each)
        assert child.pid == each.pid
        try:
            await child.ask("report", seconds=30)
        except ChildFailed as error:
            told.setdefault("said", []).append(str(error))
        told["comm"].append(open(f"/proc/{each.pid}/comm").read())
        told["input"] = os.readlink(f"/proc/{each.pid}/fd/0")
        await child.ask("stop", seconds=30)
        told.setdefault("ends", []).append(await child.ended())
        assert await child.ended() == "status 0"  # whoever asks again
        child.kill()
        child.terminate()
        try:
            await child.ask("report", seconds=1)
        except ChildGone:
            told.setdefault("gone", []).append(True)
asyncio.run(main())
""")  # fmt: skip
    assert found["names"] == ["worker-1", "worker-2"]
    assert found["comm"] == ["worker-1\n", "worker-2\n"]
    assert found["said"] == ["worker-1 has not begun", "worker-2 has not begun"]
    assert found["ends"] == ["status 0", "status 0"]
    assert found["gone"] == [True, True]
    assert found["input"] == "/dev/null"


def test_it_holds_neither_the_channel_of_another_nor_what_systemd_said(tmp_path: Path) -> None:
    found = told(tmp_path, """
def tell(name, channel):
    sockets = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd.isdigit()
               and os.path.exists(f"/proc/self/fd/{fd}")]
    channel.sendall(json.dumps([sum(each.startswith("socket:") for each in sockets),
                                "NOTIFY_SOCKET" in os.environ]).encode())
told["each"] = [json.loads(each.channel.recv(100)) for each in fork(["worker-1", "worker-2", "worker-3"], tell)]
""")  # fmt: skip
    assert found["each"] == [[1, False]] * 3


def test_the_signal_that_ended_it_is_named_and_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    found = told(tmp_path, """
forked = fork(["worker-1", "worker-2"], work)
async def main():
    one, other = [await Child.adopt(each) for each in forked]
    ended = asyncio.create_task(one.ended())
    await asyncio.sleep(0)
    one.kill()
    told["killed"] = [await one.ended(), await ended]
    os.kill(other.pid, signal.SIGSTOP)
    await other.end(0.05)
    told["stalled"] = await other.ended()
asyncio.run(main())
""")  # fmt: skip
    assert found["killed"] == ["signal SIGKILL"] * 2
    assert found["stalled"] == "signal SIGKILL"


def test_it_ends_without_a_word_when_nobody_takes_it_over(tmp_path: Path) -> None:
    found = told(tmp_path, """
forked = fork(["worker-1", "worker-2"], work)
told["pids"] = [each.pid for each in forked]
""")  # fmt: skip
    wait_gone(*found["pids"])
    assert found["log"] == ""


def test_a_process_that_has_threads_forks_none(tmp_path: Path) -> None:
    found = told(tmp_path, """
over = threading.Event()
thread = threading.Thread(target=over.wait)
thread.start()
try:
    fork(["worker-1"], work)
except RuntimeError as error:
    told["error"] = str(error)
over.set()
thread.join()
told["children"] = open("/proc/self/task/{0}/children".format(os.getpid())).read()
""")  # fmt: skip
    assert found["error"] == "fork: this process has 2 threads already"
    assert found["children"] == ""
