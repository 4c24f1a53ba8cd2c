"""Health: what is wrong between us and the next hop, for readyz and alarms."""

from collections.abc import Callable

from gateway.nexthop.bounds import Bounds
from gateway.nexthop.reading import Stage


class Health:
    """The faults that stand, one for each stage. A fault goes when its stage works again.

    Faults of a transaction's stages also lapse, since only mail can show that they are gone; and a node that says it
    is not ready gets none.
    """

    def __init__(
        self, name: str, clock: Callable[[], float], on_alarm: Callable[[str, str], None] | None, bounds: Bounds
    ) -> None:
        self._name = name
        self._clock = clock
        self._on_alarm = on_alarm
        self._bounds = bounds
        self._faults: dict[Stage, tuple[float, str]] = {}
        self._alarmed: dict[str, float] = {}
        self._probed = False

    @property
    def reachable(self) -> bool:
        """Whether nothing stands against connecting: false before the first probe."""
        return self._probed and all(stage.in_transaction for stage in self._faults)

    @property
    def trouble(self) -> str:
        """Why mail cannot be passed on at present, or nothing."""
        self._forget()
        if not self._probed and not self._faults:
            return f"next hop {self._name}: not probed yet"
        return "; ".join(f"next hop {self._name}, {stage.value}: {text}" for stage, (_, text) in self._faults.items())

    def fault(self, stage: Stage, text: str) -> None:
        """Something failed that is ours to put right: stands until `good` for that stage; raises an alarm."""
        self._probed = True
        self._faults[stage] = (self._clock(), text[:500])
        self.alarm(f"next_hop_{stage.value}", text)

    def alarm(self, name: str, text: str, about: str = "") -> None:
        """Tell the operator, at most once in `bounds.alarm` for each name and what it is about."""
        now = self._clock()
        key = f"{name} {about}"
        last = self._alarmed.get(key)
        if self._on_alarm is not None and (last is None or now - last >= self._bounds.alarm):
            self._alarmed[key] = now
            self._on_alarm(name, f"next hop {self._name}: {text[:500]}")

    def connected(self) -> None:
        """A session was opened: nothing stands against connecting."""
        self._probed = True
        for stage in [stage for stage in self._faults if not stage.in_transaction]:
            del self._faults[stage]

    def good(self, stage: Stage) -> None:
        """A stage of a transaction worked."""
        if self._faults:
            self._faults.pop(stage, None)

    def _forget(self) -> None:
        if self._faults:
            oldest = self._clock() - self._bounds.lapse
            for stage, (since, _) in list(self._faults.items()):
                if stage.in_transaction and since <= oldest:
                    del self._faults[stage]
