"""The standing: a function of which events there are, not of their order."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.model import ALL, NOTHING, Event, Grant, Kind, Reason, Related, Standing, State, Withdrawal
from consent.standing import MAX_EACH, MAX_RELATIONSHIPS, apply, blocked_too, build
from tests.rig.consent_events import DAY, IMPORTABLE, START, events

GIVEN = Event(state=State.GIVEN, party="acme", list="news", at=START, recorded=START, grade=2)
GONE = Event(state=State.WITHDRAWN, party="acme", list="news", at=START, recorded=START, reason="web")


def changed(event: Event, **fields: object) -> Event:
    return msgspec.structs.replace(event, **fields)


def built(*told: Event) -> Standing:
    return build(enumerate(told, 1))


def numbered(told: list[Event]) -> list[tuple[int, Event]]:
    """Each fact once, numbered: of one fact told twice the first counts, which is about order by intent."""
    distinct: dict[bytes, Event] = {}
    for event in told:
        distinct.setdefault(event.identity, event)
    return list(enumerate(distinct.values(), 1))


def unnumbered(standing: Standing) -> list[object]:
    """All of it but the numbers of its events."""
    return [
        [msgspec.structs.replace(each, event=0) for each in part] if isinstance(part, tuple) else part
        for part in msgspec.structs.astuple(standing)
    ]


@given(st.lists(events(), max_size=9), st.data())
@settings(max_examples=200)
def test_any_order_of_events_gives_one_standing(told: list[Event], data: st.DataObject) -> None:
    ordered = numbered(told)
    shuffled = data.draw(st.permutations(ordered))
    assert build(shuffled) == build(ordered)
    renumbered = build((number, event) for number, (_, event) in enumerate(shuffled, 1))
    assert unnumbered(renumbered) == unnumbered(build(ordered))


@given(st.lists(events(), max_size=9))
@settings(max_examples=100)
def test_the_stored_standing_equals_the_rebuilt_one_at_each_step(told: list[Event]) -> None:
    stored = msgspec.json.encode(NOTHING)
    for number, event in enumerate(told, 1):
        before = msgspec.json.decode(stored, type=Standing)
        after = apply(before, event, number)
        if after is not None:
            stored = msgspec.json.encode(after)
        assert stored == msgspec.json.encode(build(enumerate(told[:number], 1)))


@given(st.lists(st.lists(events(imported=True, states=IMPORTABLE), max_size=4), max_size=4), st.data())
def test_two_orders_of_the_same_imports_give_one_standing(imports: list[list[Event]], data: st.DataObject) -> None:
    at = {id(one): START + n * DAY for n, one in enumerate(imports)}
    files = [[changed(event, recorded=at[id(one)], import_id=str(n)) for event in one] for n, one in enumerate(imports)]
    known = dict(reversed([(event.identity, event) for file in files for event in file]))
    first_told = [[event for event in file if known[event.identity] is event] for file in files]
    numbers = {id(event): n for n, event in enumerate((event for file in first_told for event in file), 1)}
    shuffled = data.draw(st.permutations(first_told))
    results = [
        build((numbers[id(event)], event) for file in order for event in file) for order in (first_told, shuffled)
    ]
    assert results[0] == results[1]


@given(st.lists(events(), max_size=6))
def test_what_is_told_again_is_known(told: list[Event]) -> None:
    standing = built(*told)
    for event in told:
        assert apply(standing, event, 99) is None
    assert built(*told, *told) == standing


@given(st.lists(events(), max_size=8))
def test_every_part_is_sorted_and_holds_no_double(told: list[Event]) -> None:
    standing = built(*told)
    digits = [standing.seen[n : n + 12] for n in range(0, len(standing.seen), 12)]
    assert digits == sorted(set(digits))
    assert len(set(standing.grants)) == len(standing.grants)
    assert [(g.party, g.list, g.at) for g in standing.grants] == sorted(
        (g.party, g.list, g.at) for g in standing.grants
    )


def test_a_stored_standing_of_the_first_form_is_read() -> None:
    assert msgspec.json.decode(b'[[],[],[],[],[],"de",""]', type=Standing) == Standing(country="de")


@pytest.mark.parametrize(
    ("better", "stays"),
    [
        ({"at": START + 1, "recorded": START + 1}, False),
        ({"grade": 3}, False),
        ({"until": None}, False),
        ({"imported": False}, False),
        ({"at": START + 1, "recorded": START + 1, "grade": 1}, True),
        ({"at": START + 1, "recorded": START + 1, "imported": True}, True),
        ({"grade": 3, "until": START + DAY}, True),
        ({"grade": 3, "flaw": "default_checked"}, True),
        ({"grade": 3, "list": "offers"}, True),
        ({"grade": 3, "list": ALL}, True),
        ({"grade": 3, "party": "shoes"}, True),
    ],
)
def test_a_consent_goes_when_another_of_its_scope_beats_it_in_every_way(better: dict[str, object], stays: bool) -> None:
    base = changed(GIVEN, imported="imported" in better and not better["imported"], until=START + 2 * DAY)
    other = changed(base, notice="other", **better)
    for told in ((base, other), (other, base)):
        kept = {grant.event for grant in build(zip((1, 2) if told[0] is base else (2, 1), told, strict=True)).grants}
        assert kept == ({1, 2} if stays else {2})


def test_of_consents_with_two_flaws_both_stay() -> None:
    one, other = changed(GIVEN, flaw="default_checked"), changed(GIVEN, flaw="banned_source")
    assert [grant.flaw for grant in built(one, other).grants] == ["banned_source", "default_checked"]


def test_a_flawless_consent_beats_a_flawed_one() -> None:
    assert built(changed(GIVEN, flaw="default_checked"), GIVEN).grants == (
        Grant("acme", "news", START, 2, False, None, "", 2),
    )


def test_of_equal_consents_the_smaller_number_stands() -> None:
    other = changed(GIVEN, notice="other")
    assert build([(7, GIVEN), (5, other)]).grants[0].event == 5
    assert build([(5, GIVEN), (7, other)]).grants[0].event == 5
    beside = changed(GIVEN, list="offers")
    assert [each.event for each in build([(6, beside), (7, GIVEN), (5, other)]).grants] == [5, 6]


@pytest.mark.parametrize(
    ("event", "at"),
    [
        (changed(GIVEN, at=START, recorded=START + 9), START),
        (changed(GIVEN, at=START + 9, recorded=START), START),
        (changed(GIVEN, at=None), START),
        (changed(GIVEN, at=None, imported=True), 0),
    ],
)
def test_when_a_consent_counts_from(event: Event, at: int) -> None:
    assert built(event).grants[0].at == at
    assert built(changed(event, state=State.REQUESTED)).requests[0].at == at


@pytest.mark.parametrize(("happened", "at"), [(START - 9, START), (START + 9, START + 9), (None, START)])
def test_when_a_withdrawal_counts_from(happened: int | None, at: int) -> None:
    assert built(changed(GONE, at=happened)).withdrawals == (Withdrawal("acme", "news", at, "web", "marketing", 1),)


def test_of_withdrawals_the_newest_of_each_scope_stops_and_class_of_reason_stays() -> None:
    told = [
        changed(GONE, at=START + n, recorded=START + n, list=where, stops=stops, reason=reason)
        for n in (2, 0, 1)
        for where in ("news", ALL)
        for stops in ("all", "marketing")
        for reason in (Reason.WEB, Reason.ONE_CLICK, "", Reason.COMPLAINT, Reason.LEGAL, Reason.ERASURE)
    ]
    kept = [
        changed for changed in built(*told).withdrawals if not (changed.list == ALL and changed.reason == "erasure")
    ]
    assert len(kept) == 2 * 2 * 4 - 2
    assert {each.at for each in kept} == {START + 2}
    assert {each.reason for each in kept} == {"", "complaint", "legal", "erasure"}, "of one time the first by name"


def test_of_equal_withdrawals_the_smaller_number_stands() -> None:
    other = changed(GONE, method="other")
    assert build([(7, GONE), (5, other)]).withdrawals[0].event == 5
    assert build([(5, GONE), (7, other)]).withdrawals[0].event == 5


def test_an_erasure_leaves_nothing_told_before_it_but_stops() -> None:
    erased = Event(state=State.ERASED, party="acme", list="news", at=START + 5, recorded=START + 5)
    before = [
        changed(GIVEN, country="de"),
        changed(GIVEN, state=State.REQUESTED, list="offers"),
        changed(GIVEN, state=State.RELATED, related=Related(kind=Kind.PURCHASE, basis="2023-11-01")),
        changed(GIVEN, state=State.SUPPRESSED, reason="hard_bounce"),
        GONE,
    ]
    standing = built(*before, erased)
    assert (standing.grants, standing.requests, standing.relationships, standing.country) == ((), (), (), "")
    assert [each.reason for each in standing.withdrawals] == ["erasure", "web"]
    assert standing.withdrawals[0] == Withdrawal(ALL, ALL, START + 5, "erasure", "marketing", 6)
    assert len(standing.suppressions) == 1
    assert build([(6, erased), *enumerate(before, 1)]) == standing, "also what is recorded after it"


def test_what_is_told_after_an_erasure_stays() -> None:
    erased = Event(state=State.ERASED, party=ALL, list=ALL, at=START, recorded=START)
    later = changed(GIVEN, at=START + 1, recorded=START + 1, country="de")
    related = changed(later, state=State.RELATED, related=Related(kind=Kind.PURCHASE, basis="2023-11-01"))
    standing = built(erased, later, changed(later, state=State.REQUESTED), related)
    assert (len(standing.grants), len(standing.requests), len(standing.relationships)) == (1, 1, 1)
    assert (standing.country, standing.told) == ("de", START + 1)
    same_moment = changed(later, at=START, recorded=START)
    at_once = changed(related, at=START, recorded=START)
    gone = built(same_moment, changed(same_moment, state=State.REQUESTED), at_once, erased)
    assert (gone.grants, gone.requests, gone.relationships, gone.country, gone.told) == ((), (), (), "", 0)


def test_an_erasure_of_one_list_is_a_withdrawal_and_no_more() -> None:
    gone = changed(GONE, reason="erasure", at=START + 1, recorded=START + 1)
    assert len(built(GIVEN, gone).grants) == 1
    assert len(built(GIVEN, changed(gone, list=ALL)).grants) == 1
    assert len(built(GIVEN, changed(gone, party=ALL)).grants) == 1
    assert len(built(GIVEN, changed(gone, party=ALL, list=ALL)).grants) == 0


def test_the_country_is_that_of_the_newest_event_that_names_one() -> None:
    old, new = changed(GIVEN, country="de"), changed(GIVEN, country="us", recorded=START + 1)
    unnamed = changed(GIVEN, recorded=START + 2, at=START + 2)
    assert built(old, new, unnamed).country == built(unnamed, new, old).country == "us"
    assert built(old, changed(old, country="us")).country == "us", "of one moment the last by name"


def test_a_corrected_country_is_news_and_a_withdrawal_told_again_with_one_is_not() -> None:
    assert built(GIVEN, changed(GIVEN, country="de", recorded=START + 1)).country == "de"
    assert apply(built(GONE), changed(GONE, country="de"), 2) is None


def test_the_newest_request_of_each_scope_stays_until_a_confirmed_consent_answers_it() -> None:
    asked = changed(GIVEN, state=State.REQUESTED, at=START + 5, recorded=START + 5)
    older = changed(asked, at=START)
    assert [each.at for each in built(asked, older, changed(asked, list="offers")).requests] == [START + 5] * 2
    confirmed = changed(GIVEN, state=State.CONFIRMED, at=START + 5, recorded=START + 5, grade=3)
    assert built(asked, confirmed).requests == built(confirmed, asked).requests == ()
    for short in (
        {"at": START + 4},
        {"grade": 2},
        {"flaw": "default_checked"},
        {"list": ALL},
        {"party": "shoes"},
    ):
        assert len(built(asked, changed(confirmed, **short)).requests) == 1, short


def test_imported_and_live_requests_stand_beside_each_other() -> None:
    asked = changed(GIVEN, state=State.REQUESTED)
    told = changed(asked, imported=True, at=START - 5)
    assert [each.imported for each in built(told, asked).requests] == [False, True]


@pytest.mark.parametrize("reason", ["unsubscribe", "one_click", "web", "mailto", "complaint", "erasure"])
def test_a_suppression_in_the_persons_own_name_is_a_withdrawal(reason: str) -> None:
    standing = built(changed(GONE, state=State.SUPPRESSED, reason=reason, until=START + DAY, list="offers"))
    assert standing.suppressions == () and standing.withdrawals[0].reason == reason


@pytest.mark.parametrize("reason", ["manual", "legal", "hard_bounce", "invalid", "spamtrap", "threat", "sanction", ""])
def test_any_other_is_a_suppression(reason: str) -> None:
    standing = built(changed(GONE, state=State.SUPPRESSED, reason=reason, at=START - 5, stops="all"))
    (stop,) = standing.suppressions
    assert standing.withdrawals == ()
    assert (stop.party, stop.list, stop.reason, stop.stops, stop.since, stop.until, stop.event) == (
        ("acme", "news", reason, "all", START - 5, None, 1)
    )


def test_a_suppression_without_a_time_counts_from_when_it_was_recorded() -> None:
    assert built(changed(GONE, state=State.SUPPRESSED, reason="manual", at=None)).suppressions[0].since == START


def test_a_legal_stop_has_no_end() -> None:
    stop = changed(GONE, state=State.SUPPRESSED, reason="legal", until=START + DAY)
    assert built(stop).suppressions[0].until is None
    assert built(changed(stop, reason="threat")).suppressions[0].until == START + DAY


def test_suppressions_that_none_of_their_kind_outlasts_stay() -> None:
    stop = changed(GONE, state=State.SUPPRESSED, reason="manual", until=START + DAY)
    longer, later = changed(stop, until=START + 2 * DAY), changed(stop, at=START + 1)
    assert [each.event for each in built(stop, longer).suppressions] == [2]
    assert [each.event for each in built(stop, later).suppressions] == [2]
    assert [each.event for each in built(longer, later).suppressions] == [1, 2]
    assert [each.event for each in built(later, changed(stop, until=None)).suppressions] == [2, 1]
    for other in ({"list": "offers"}, {"party": "shoes"}, {"reason": "threat"}, {"stops": "all"}):
        assert len(built(stop, changed(longer, **other)).suppressions) == 2, other


def test_of_equal_suppressions_the_smaller_number_stands() -> None:
    stop = changed(GONE, state=State.SUPPRESSED, reason="manual")
    assert build([(7, stop), (5, changed(stop, method="x"))]).suppressions[0].event == 5


def test_a_lift_also_ends_what_is_recorded_after_it_and_happened_before() -> None:
    stop = changed(GONE, state=State.SUPPRESSED, reason="manual")
    lift = changed(stop, state=State.LIFTED, at=START + 1, recorded=START + 1)
    assert built(stop, lift).suppressions == built(lift, stop).suppressions == ()
    assert len(built(lift, changed(stop, at=START + 2)).suppressions) == 1
    assert built(changed(lift, at=None), stop).suppressions == ()
    assert len(built(stop, changed(lift, state=State.EXPIRED)).suppressions) == 1


def test_the_newest_end_of_each_scope_and_kind_stays() -> None:
    end = changed(GONE, state=State.EXPIRED, reason="")
    newer = changed(end, at=START + 1)
    assert [each.at for each in built(end, newer).ends] == [each.at for each in built(newer, end).ends] == [START + 1]
    others = [changed(end, state=State.INVALIDATED), changed(end, list=ALL), changed(end, party=ALL)]
    lifts = [changed(end, state=State.LIFTED, reason=reason) for reason in ("manual", "threat")]
    assert len(built(end, *others, *lifts).ends) == 6
    assert built(changed(end, reason="manual")).ends[0].reason == "", "of consents it makes no difference"


def test_the_last_told_of_one_document_stands() -> None:
    def told(recorded: int, **facts: object) -> Event:
        plain: dict[str, object] = {"kind": Kind.CONTRACT, "basis": "2023-01-01", "reference": "a"}
        return changed(
            GIVEN,
            state=State.RELATED,
            at=None,
            recorded=recorded,
            grade=1,
            related=Related(**{**plain, **facts}),  # type: ignore[arg-type]
        )

    first, last = told(START, ongoing=True), told(START + 1, ended="2023-06-01")
    for order in ((first, last), (last, first)):
        (kept,) = built(*order).relationships
        assert kept.related.ended == "2023-06-01" and kept.recorded == START + 1
    beside = told(START, reference="b")
    assert [each.event for each in built(first, beside, last).relationships] == [3, 2]
    assert len(built(first, beside).relationships) == 2
    assert len(built(first, changed(first, party="shoes")).relationships) == 2
    assert len(built(told(START, reference="", basis="2023-01-02"), told(START, reference="")).relationships) == 2
    assert len(built(told(START, reference="", ongoing=True), told(START, reference="")).relationships) == 1
    assert len(built(first, changed(first, list="offers")).relationships) == 1, "it is for every list"


def test_of_one_moment_the_more_guarded_word_about_a_document_stands() -> None:
    related = Related(kind=Kind.CONTRACT, basis="2023-01-01", reference="a")
    plain = changed(GIVEN, state=State.RELATED, grade=2, related=related)
    for guarded in (
        changed(plain, grade=1),
        changed(plain, flaw="contradicted"),
        changed(plain, until=START + DAY),
        changed(plain, related=msgspec.structs.replace(related, ended="2023-05-05")),
    ):
        for told in ((plain, guarded), (guarded, plain)):
            assert build((1 if event is plain else 2, event) for event in told).relationships[0].event == 2


def test_of_two_words_of_one_moment_about_a_document_the_same_one_stands_in_any_order() -> None:
    related = Related(kind=Kind.CONTRACT, basis="2023-01-01", reference="a")
    one = changed(GIVEN, state=State.RELATED, related=related)
    other = changed(one, related=msgspec.structs.replace(related, relevant=True))
    assert unnumbered(built(one, other)) == unnumbered(built(other, one))
    again = changed(one, notice="n2")
    assert [build(told).relationships[0].event for told in ([(7, one), (5, again)], [(5, one), (7, again)])] == [5, 5]


def test_a_relationship_without_facts_is_none() -> None:
    standing = built(changed(GIVEN, state=State.RELATED))
    assert standing.relationships == () and standing.seen


def test_documents_are_bounded_and_the_longest_lasting_stay() -> None:
    told = [
        changed(
            GIVEN,
            state=State.RELATED,
            related=Related(kind=Kind.PURCHASE, basis=f"2023-{n // 28 + 1:02}-{n % 28 + 1:02}", reference=str(n)),
        )
        for n in range(MAX_RELATIONSHIPS + 10)
    ]
    ongoing = changed(
        GIVEN, state=State.RELATED, related=Related(kind=Kind.CONTRACT, basis="2001-01-01", ongoing=True, reference="x")
    )
    kept = {each.related.reference for each in built(ongoing, *told).relationships}
    assert kept == {"x", *(str(n) for n in range(11, MAX_RELATIONSHIPS + 10))}
    assert {each.related.reference for each in built(*reversed(told), ongoing).relationships} == kept


def test_an_ended_relationship_lasts_from_its_end() -> None:
    def told(n: int, basis: str, ended: str | None = None) -> Event:
        related = Related(kind=Kind.CONTRACT, basis=basis, ended=ended, reference=str(n))
        return changed(GIVEN, state=State.RELATED, related=related)

    many = [told(n, "2023-06-01") for n in range(MAX_RELATIONSHIPS)]
    kept = {each.related.reference for each in built(*many, told(99, "2001-01-01", "2023-07-01")).relationships}
    assert "99" in kept and len(kept) == MAX_RELATIONSHIPS
    kept = {each.related.reference for each in built(*many, told(99, "2001-01-01", "2023-05-01")).relationships}
    assert "99" not in kept


MANY = MAX_EACH + 20


def shorter(number: int, **fields: object) -> Event:
    """Of two of these the later one ends earlier: neither beats the other."""
    far = (MANY - number) * DAY
    return changed(GIVEN, at=START - far, until=START + far, imported=True, **fields)


def test_consents_of_one_scope_are_bounded_and_those_that_last_longest_stay() -> None:
    lasting = changed(GIVEN, at=START - 2 * MANY * DAY)
    flawed = changed(GIVEN, flaw="default_checked", grade=4)
    others = [changed(GIVEN, until=START + 1, **scope) for scope in ({"list": "offers"}, {"party": "rival"})]
    grants = built(lasting, flawed, *others, *map(shorter, range(MANY))).grants
    news = [grant for grant in grants if (grant.party, grant.list) == ("acme", "news")]
    assert len(news) == MAX_EACH and len(grants) == MAX_EACH + 2
    assert not any(grant.flaw for grant in news)
    assert {grant.until for grant in news} == {None, *(shorter(n).until for n in range(MAX_EACH - 1))}


def test_of_consents_that_last_as_long_the_better_evidenced_and_the_live_stay() -> None:
    lasting = [shorter(n) for n in range(MAX_EACH - 1)]
    last = changed(shorter(MANY - 1), at=START - 1)
    for better in (changed(last, at=START - 2, grade=3), changed(last, at=START - 2, imported=False)):
        for told in ((*lasting, last, better), (better, last, *lasting)):
            grants = built(*told).grants
            assert len(grants) == MAX_EACH
            assert [(each.grade, each.imported) for each in grants if each.until == last.until] == [
                (better.grade, better.imported)
            ]


@pytest.mark.parametrize("backwards", [False, True])
def test_suppressions_are_bounded_and_none_ends_or_is_lifted_sooner(backwards: bool) -> None:
    told = [shorter(n, state=State.SUPPRESSED, reason=Reason.MANUAL) for n in range(MANY)]
    scopes = ({"list": "offers"}, {"party": "rival"}, {"reason": Reason.INVALID}, {"stops": "all"})
    others = [changed(told[-1], until=START + 1, **scope) for scope in scopes]
    found = built(*(reversed(told) if backwards else told), *others).suppressions
    assert len(found) == MAX_EACH + len(others)
    found = tuple(each for each in found if each.until != START + 1)
    assert {each.since for each in found} <= {event.at for event in told}
    assert max(each.until or 0 for each in found) == told[0].until
    for event in told:
        assert any(each.since >= (event.at or 0) and (each.until or 0) >= (event.until or 0) for each in found)
    if not backwards:
        exact = [(event.at, event.until) for event in told[: MAX_EACH - 1]]
        assert [(each.since, each.until) for each in found] == [*exact, (told[-1].at, told[MAX_EACH - 1].until)]


def test_a_consent_that_says_it_is_none_has_a_flaw() -> None:
    assert [built(changed(GIVEN, ground=ground)).grants[0].flaw for ground in ("", "express", "implied")] == (
        ["", "", "not_express"]
    )
    assert built(changed(GIVEN, ground="implied", flaw="default_checked")).grants[0].flaw == "default_checked"


def test_a_hash_adds_stops_and_nothing_else() -> None:
    stop = Withdrawal("*", "*", START, "manual", "marketing", 1)
    mixed = blocked_too(Standing(country="de"), Standing(withdrawals=(stop,), country="fr"))
    assert mixed == Standing(withdrawals=(stop,), country="de")
    assert blocked_too(mixed, NOTHING) is mixed
