"""Supervisor: N workers that serve SMTP, kept alive by the process that serves HTTP for all of them.

Theory of operation. The first workers are forked before this process has a connection of a database, a thread or an
event loop (`gateway.forked`), for none of them survives that; each that follows is a fresh interpreter
(`gateway.child`, `gateway.worker`). Once a second each is asked how it is; the answer holds its metrics,
and so that none of what it counted is lost with it, the last answer of a worker that died is kept. One that dies is
started again, at once the first time and later and later while it goes on dying. One that lives and does not answer is
killed: its clients still hold what it had not accepted.

A change of settings or policy is prepared by all workers before the first of them commits it, and no worker is started
in between.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec

from config.files import ConfigError
from config.policy import Policy
from config.settings import Listener, Settings
from gateway.channel import Report, Task
from gateway.child import Child, ChildFailed, ChildGone
from gateway.forked import Forked
from gateway.listening import hold
from gateway.metrics import Metrics
from gateway.summing import Family, lasting, summed

log = logging.getLogger("postern.supervisor")

_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
"""How long an answer may take; the worker's loop turns thousands of times in it."""
_SILENT = 6
"""So many questions without an answer, one after the other, and a worker is killed."""
_BEGIN_SECONDS = 300.0
"""All workers read all customers at once: of 100,000 for more than ten seconds of CPU each."""
_SOON_SECONDS = 1.0
"""For what somebody waits for, who can do without."""
_PREPARE_SECONDS = 15.0
_LATE_SECONDS = 10.0
"""Beyond the time to drain, until a worker is killed."""
_STEADY_SECONDS = 60.0
"""A worker that lived so long did not die of how it was started."""
_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


def counters_shared(settings: Settings) -> bool:
    """Whether usage is counted where all workers see it."""
    return not settings.ledger.url.get_secret_value().startswith("memory:")


def check(settings: Settings, workers: int) -> None:
    """Raise ConfigError where so many workers cannot keep the limits they are to keep."""
    if workers > 1 and not counters_shared(settings):
        raise ConfigError(
            f"ledger.url: --workers {workers} needs counters that the workers share: set url = 'redis://host:6379/0' "
            "in [ledger], or use --workers 1"
        )


def names(workers: int) -> list[str]:
    """What so many workers are called."""
    return [f"worker-{number}" for number in range(1, workers + 1)]


def share(settings: Settings, workers: int) -> Settings:
    """The settings of one worker: what bounds the whole node is shared out."""

    def part(whole: int) -> int:
        return max(1, whole // workers)

    limits = settings.limits
    return settings.model_copy(
        update={
            "ledger": settings.ledger.model_copy(update={"nodes": settings.ledger.nodes * workers}),
            "limits": limits.model_copy(
                update={
                    "connections": part(limits.connections),
                    "body_memory": part(limits.body_memory),
                    "body_disk": part(limits.body_disk),
                }
            ),
            "next_hops": tuple(hop.model_copy(update={"sessions": part(hop.sessions)}) for hop in settings.next_hops),
        }
    )


def pause(deaths: int) -> float:
    """Seconds before a worker is started again that has died so often, one time soon after the other."""
    return _PAUSES[min(deaths, len(_PAUSES)) - 1]


async def _end(child: Child, seconds: float) -> None:
    with contextlib.suppress(ChildFailed):
        await child.ask("stop", seconds=_ANSWER_SECONDS)
    await child.end(seconds)


class _Place:
    """One of the N, whoever fills it now."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.child: Child | None = None
        self.ready = False
        self.why = "is being started"
        """Why it is not ready."""
        self.report = Report([], [])


class Supervisor:
    """Starts, watches and ends the workers. For the event loop."""

    def __init__(
        self, settings: Settings, policy: Policy, workers: int, metrics: Metrics, forked: Sequence[Forked] = ()
    ) -> None:
        """`forked`: the workers that wait already to be told to begin, by the names that `names` gives."""
        self._settings, self._policy, self._metrics = settings, policy, metrics
        self._places = [_Place(name) for name in names(workers)]
        self._forked = {each.name: each for each in forked}
        self._past: list[Family] = []
        """What workers that have ended had counted."""
        self._held = contextlib.ExitStack()
        self._listeners = settings.smtp.listeners
        self._one_at_a_time = asyncio.Lock()
        """Starting a worker, or a change of what all of them are."""
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def names(self) -> list[str]:
        """Of the workers, and so of their audit chains."""
        return [place.name for place in self._places]

    async def spawn(self) -> None:
        """Take over the processes that wait, and start interpreters where there are none. Raises OSError."""
        for place in self._places:
            forked = self._forked.pop(place.name, None)
            place.child = await (Child.spawn(place.name) if forked is None else Child.adopt(forked))

    async def open(self) -> list[str]:
        """Let all workers begin; the SMTP addresses. Raises ConfigError with what one of them says against it."""
        self._listeners = hold(self._settings.smtp.listeners, self._held)
        await asyncio.gather(*(self._begin(place) for place in self._places))
        loop = asyncio.get_running_loop()
        self._keepers = [loop.create_task(self._keep(place), name=f"{place.name} kept") for place in self._places]
        return [listener.address for listener in self._listeners]

    async def close(self, drain_seconds: float) -> None:
        """Drain all workers at once and wait for their end; what takes longer is killed."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        children = [place.child for place in self._places if place.child is not None]
        await asyncio.gather(*(_end(child, drain_seconds + _LATE_SECONDS) for child in children))
        self._held.close()

    def hurry(self) -> None:
        """Let what is being drained end at once."""
        for place in self._places:
            if place.child is not None:
                place.child.terminate()

    # -- how they are

    def trouble(self) -> list[str]:
        """Why mail does not flow through each of them."""
        found = []
        for place in self._places:
            if not place.ready:
                found.append(f"{place.name}: {place.why}")
            found += [f"{place.name}: {each}" for each in place.report.trouble if place.ready]
        return found + [f"{keeper.get_name()} no more" for keeper in self._keepers if keeper.done()]

    async def families(self) -> list[Family]:
        """The metrics of all workers, past ones too; a worker that does not answer at once is shown as it was last."""
        await asyncio.gather(*(self._look(place, _SOON_SECONDS) for place in self._places))
        return summed([self._past, *(place.report.metrics for place in self._places)])

    async def refresh(self) -> None:
        """Let each worker look now what has changed in the registry."""
        children = [place.child for place in self._places if place.child is not None and place.ready]
        asked = (child.ask("refresh", seconds=_SOON_SECONDS) for child in children)
        for found in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(found, ChildFailed):
                log.warning("%s", found)  # it looks by itself within a second or two

    async def _look(self, place: _Place, seconds: float) -> bool:
        child = place.child
        if child is None or not place.ready:
            return True
        try:
            report = msgspec.msgpack.decode(await child.ask("report", seconds=seconds), type=Report)
        except (ChildFailed, msgspec.DecodeError):
            return False
        if place.child is child:
            place.report = report
        return True

    # -- keeping them

    async def _begin(self, place: _Place) -> None:
        """Raises ConfigError with the worker's reason; then it has ended.

        At the start all of them begin at once.
        """
        async with self._one_at_a_time if self._keepers else contextlib.nullcontext():
            if place.child is None:
                place.child = await Child.spawn(place.name)
            task = Task(share(self._own(self._settings), len(self._places)), self._policy)
            try:
                await place.child.ask("begin", task.packed(), seconds=_BEGIN_SECONDS)
            except ChildFailed as error:
                child, place.child = place.child, None
                child.kill()
                await child.ended()
                raise ConfigError(f"{place.name}: {error}") from None
            place.ready = True
        await self._look(place, _ANSWER_SECONDS)

    def _own(self, settings: Settings) -> Settings:
        """The settings with the ports that we hold."""
        return settings.model_copy(
            update={"smtp": settings.smtp.model_copy(update={"listeners": self._with_ports(settings)})}
        )

    def _with_ports(self, settings: Settings) -> tuple[Listener, ...]:
        return tuple(
            listener.model_copy(update={"address": held.address})
            for listener, held in zip(settings.smtp.listeners, self._listeners, strict=True)
        )

    async def _keep(self, place: _Place) -> None:
        """Watch one worker, and start another when it has ended, until cancelled."""
        loop, deaths = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            why = await self._watch(place)
            deaths = 1 if loop.time() - begun >= _STEADY_SECONDS else deaths + 1
            while True:
                seconds = pause(deaths)
                place.why = f"ended ({why}); is started again in {seconds:g} s"
                self._metrics.worker_ends.labels(place.name).inc()
                self._metrics.alarm("worker", f"{place.name} {place.why}")
                await asyncio.sleep(seconds)
                place.why = "is being started"
                try:
                    await self._begin(place)
                except (ConfigError, OSError) as error:
                    why, deaths = str(error), deaths + 1
                else:
                    log.info("%s: started again", place.name)
                    break

    async def _watch(self, place: _Place) -> str:
        """Until it has ended; why."""
        child = place.child
        assert child is not None
        ended = asyncio.ensure_future(child.ended())
        silent = 0
        try:
            while True:
                done, _ = await asyncio.wait((ended,), timeout=_LOOK_SECONDS)
                if done:
                    break
                silent = 0 if await self._look(place, _ANSWER_SECONDS) else silent + 1
                if silent >= _SILENT:
                    self._metrics.alarm("worker", f"{place.name} does not answer: it is killed")
                    child.kill()
                elif silent:
                    place.report = Report(["does not answer"], place.report.metrics)
        finally:
            if not ended.done():
                ended.cancel()
        self._past = summed([self._past, lasting(place.report.metrics)])
        place.child, place.ready, place.report = None, False, Report([], [])
        return ended.result()

    # -- changing them

    async def reload(self, settings: Settings, policy: Policy) -> "Reloading":
        """Let every worker prepare other settings and another policy; `commit` or `abandon` what it gives.

        Raises ConfigError, with nothing changed, where one of them cannot.
        """
        await self._one_at_a_time.acquire()
        reloading = Reloading(self, settings, policy, [place.child for place in self._places if place.ready])
        try:
            await reloading.prepare(Task(share(self._own(settings), len(self._places)), policy))
        except BaseException:
            await reloading.abandon()
            raise
        return reloading

    def changed(self, settings: Settings, policy: Policy) -> None:
        """Workers that are started from now on are to be so."""
        self._settings, self._policy = settings, policy

    def unlock(self) -> None:
        """A change is over."""
        self._one_at_a_time.release()


class Reloading:
    """A change that is under way in all workers."""

    def __init__(
        self, supervisor: Supervisor, settings: Settings, policy: Policy, children: Sequence[Child | None]
    ) -> None:
        self._supervisor, self._settings, self._policy = supervisor, settings, policy
        self._children = [child for child in children if child is not None]

    async def prepare(self, task: Task) -> None:
        """Raises ConfigError."""
        octets = task.packed()
        asked = (child.ask("prepare", octets, seconds=_PREPARE_SECONDS) for child in self._children)
        for child, found in zip(self._children, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            # One that has just died is started again with whatever holds then.
            if isinstance(found, BaseException) and not isinstance(found, ChildGone):
                raise ConfigError(f"{child.name}: {found}") from None

    async def commit(self) -> None:
        """Put it in force, in one worker after the other. One that does not answer is killed, and started with it."""
        self._supervisor.changed(self._settings, self._policy)
        try:
            for child in self._children:
                try:
                    await child.ask("commit", seconds=_ANSWER_SECONDS)
                except ChildFailed as error:
                    log.error("%s: reload: %s: it is started anew", child.name, error)
                    child.kill()
        finally:
            self._supervisor.unlock()

    async def abandon(self) -> None:
        """Leave all as it was."""
        try:
            for child in self._children:
                with contextlib.suppress(ChildFailed):
                    await child.ask("abandon", seconds=_ANSWER_SECONDS)
        finally:
            self._supervisor.unlock()
