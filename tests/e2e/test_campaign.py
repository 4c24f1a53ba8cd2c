"""A campaign to people of whom seven in ten may be written to: exactly these get it, whatever way it is sent, and the
sender's own mail server is told of each other person why not. `make campaign` shows the same with 10,000 people."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.rig import exim, postfix
from tests.rig.campaign import Imported, Installed, imported, installed, through_bulk, through_exim
from tests.rig.grounds import KINDS, Person, grounds, people
from tests.rig.merges import through_auto
from tests.rig.sink import Sink

pytestmark = pytest.mark.postfix
COUNT = 300
Stage = tuple[Installed, Sink, list[Person]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The people's grounds are on file, nothing is started."""
    if reason := postfix.missing():
        pytest.skip(reason)
    everybody = people(COUNT)
    with Sink() as sink, installed(tmp_path_factory.mktemp("campaign") / "gw", sink) as found:
        told: list[Imported] = imported(found.postern, everybody)
        assert [each.rows for each in told] == [each.accepted for each in told]
        assert sum(each.rows for each in told) == sum(len(each.kind.rows) for each in everybody)
        yield found, sink, everybody


def test_a_bulk_credential_lets_exactly_those_with_a_ground_pass_and_the_log_says_why_not_the_others(
    stage: Stage,
) -> None:
    found, sink, everybody = stage
    with found.postern as postern:
        postern.wait_ready()
        told = through_bulk(postern, sink, everybody)
        asked = through_exim(found.starttls, sink, everybody, prdr=True) if not exim.missing() else None
        whole = through_exim(found.starttls, sink, everybody, prdr=False) if not exim.missing() else None
    may = {each.address for each in everybody if each.kind.ground}
    assert told.arrived == Counter(may)
    assert {each.address for each in told.log if each.status == "sent"} == may
    refused = {each.address: each.said for each in told.log if each.status == "bounced"}
    assert len(told.log) == len(everybody), "each recipient was tried once"
    for each in everybody:
        if not each.kind.ground:
            assert (
                f"said: 550 5.{'1.1' if each.kind.reason == 'RCPT-INVALID' else '7.1'} {each.kind.said}; ref "
                in (refused[each.address])
            ), each
            assert "in reply to RCPT TO command" in refused[each.address]
    assert told.grounds == grounds(everybody)
    assert told.verified == 0

    if asked is None or whole is None:
        pytest.skip(exim.missing())
    # One message with a person of each kind, declared as bulk mail, on the credential that is `auto`.
    chosen = {next(each for each in everybody if each.kind is kind) for kind in KINDS}
    (arrived,) = asked.arrived
    assert set(arrived) == asked.delivered == {each.address for each in chosen if each.kind.ground}
    assert set(asked.refused) == {each.address for each in chosen if not each.kind.ground}
    for each in chosen:
        assert each.kind.ground or each.kind.said in asked.refused[each.address], asked.log
    # Without PRDR nobody gets it; who cannot have mail at all was refused before, at RCPT.
    assert (whole.arrived, whole.delivered) == ([], set())
    assert set(whole.refused) == {each.address for each in chosen}


async def test_merges_that_declare_nothing_are_paced_then_held_to_grounds_and_refused_after_a_day(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the test's own process Redis and the registry are late whenever the machine is busy.
    monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)
    monkeypatch.setattr("gateway.registry.SECONDS", 60.0)
    found, sink, everybody = stage
    told = await through_auto(found.postern.folder, sink, found.redis, everybody, some=60)
    by_address = {each.address: each.kind for each in everybody}
    first, second, third, seen, again, half_a_day, a_day, late, declared = told.rounds
    assert seen.after > third.after > timedelta(hours=1) > second.after

    # Paced: some at a time, and twice as many in the second hour; the others wait.
    for one, words in ((first, "20 recipients per 10 minutes"), (third, "40 recipients per 10 minutes")):
        paced = [each.said for each in one.said.values() if each.status == "deferred"]
        assert paced
        assert all("said: 450 4.7.28 Near-identical mail to many recipients is paced" in each for each in paced)
        assert all(words in each for each in paced)
    assert len(first.arrived) <= 20
    assert len(second.arrived) <= 20
    assert len(third.arrived) <= 40
    assert told.before, "before it was seen for what it is, it went to whoever was next"

    # Held to grounds: from then on none passes without one.
    without = {each for each in told.arrived if not by_address[each].ground}
    assert without <= told.before
    may = {each.address for each in everybody if each.kind.ground}
    assert set(told.arrived) == may | without
    for one in (seen, again, half_a_day):
        for each in one.said.values():
            if each.status == "bounced":
                assert by_address[each.address].lasting
                assert by_address[each.address].said in each.said
    assert not half_a_day.arrived
    assert half_a_day.of("deferred") == set(half_a_day.said)
    assert all("450 4.7.28 This mail reaches many" in each.said for each in half_a_day.said.values())
    assert set(a_day.said) == set(half_a_day.said) == a_day.of("bounced")
    for each in a_day.said.values():
        assert f"said: 550 5.7.1 {by_address[each.address].said}; ref " in each.said
    # Who has a ground gets it a day later too, and so does mail that declares itself.
    assert late.of("sent") == set(late.said)
    assert {each.status for each in declared.said.values()} == {"sent", "bounced"}

    # Those who can do something were told.
    (event,) = told.told
    assert event["type"] == "bulk.observed"
    assert event["data"]["customer"] == "acme"
    assert event["data"]["over"].endswith("recipients in a day, 100 without declaring it")
    assert told.acts["bulk observed"] == 1
    assert told.alarms >= 1
