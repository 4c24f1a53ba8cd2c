"""Health: faults stand, go and lapse as readyz needs."""

from gateway.nexthop.bounds import Bounds
from gateway.nexthop.health import Health
from gateway.nexthop.reading import Stage
from tests.gateway.nexthop.conftest import Clock


def make() -> tuple[Health, Clock, list[tuple[str, str]]]:
    clock = Clock()
    alarms: list[tuple[str, str]] = []
    return Health("mx", clock, lambda name, text: alarms.append((name, text)), Bounds()), clock, alarms


def test_before_the_first_probe_it_is_not_ready() -> None:
    health, _, alarms = make()
    seen = [(health.trouble, health.reachable)]
    health.connected()
    seen.append((health.trouble, health.reachable))
    assert seen == [("next hop mx: not probed yet", False), ("", True)]
    assert alarms == []


def test_a_fault_stands_until_its_own_stage_works() -> None:
    health, _, _ = make()
    health.fault(Stage.RCPT, "554 5.7.1 Relay access denied")
    health.connected()
    health.good(Stage.MAIL)
    assert health.trouble == "next hop mx, rcpt: 554 5.7.1 Relay access denied"
    health.good(Stage.RCPT)
    assert health.trouble == ""


def test_a_new_session_ends_all_faults_of_connecting_and_no_others() -> None:
    health, _, _ = make()
    health.fault(Stage.CONNECT, "refused")
    health.fault(Stage.AUTH, "535")
    health.fault(Stage.MAIL, "550")
    seen = [health.reachable]
    health.connected()
    assert [*seen, health.reachable] == [False, True]
    assert health.trouble == "next hop mx, mail: 550"


def test_a_fault_of_a_transaction_lapses_and_one_of_connecting_does_not() -> None:
    health, clock, _ = make()
    health.fault(Stage.RCPT, "denied")
    health.fault(Stage.CONNECT, "refused")
    clock.now += 299
    assert "denied" in health.trouble
    clock.now += 1
    assert health.trouble == "next hop mx, connect: refused"


def test_a_storm_of_faults_is_one_alarm_a_minute() -> None:
    health, clock, alarms = make()
    for _ in range(100):
        health.fault(Stage.RCPT, "denied")
    assert alarms == [("next_hop_rcpt", "next hop mx: denied")]
    clock.now += 60
    health.fault(Stage.RCPT, "denied")
    assert len(alarms) == 2


def test_alarms_about_different_things_do_not_hide_each_other() -> None:
    health, _, alarms = make()
    health.alarm("next_hop_address", "a", "192.0.2.1:25")
    health.alarm("next_hop_address", "b", "192.0.2.2:25")
    assert len(alarms) == 2


def test_without_anybody_to_tell_faults_still_stand() -> None:
    health = Health("mx", Clock(), None, Bounds())
    health.fault(Stage.DOT, "x" * 5000)
    assert health.trouble.startswith("next hop mx, dot: xxx") and len(health.trouble) < 600
