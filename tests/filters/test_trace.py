"""Rules about where mail comes from; most of their cases are text, in tests/cases/trace.txt."""

from datetime import UTC, datetime
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from filters import RULES
from filters.message import Message
from filters.trace import authserv_id, own_id
from tests.rig.cases import TRACE_KEY, Case

TRACE = tuple(rule.code for rule in RULES if rule.code.startswith("TRACE-"))
REFERENCE = "01KAGV0000AAAAAAAAAAAAAAA1"
WHEN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")


def found(header: bytes, **values: object) -> list[str]:
    case = Case("", "", message=header + b"From: ann@acme.example\r\n\r\nbody\r\n")
    for name, value in values.items():
        setattr(case, name, value)
    verdict = case.verdict()
    assert not any(finding.failed for finding in verdict.findings)
    return [finding.code for finding in verdict.findings if finding.code in TRACE]


def line(by: str, ident: str) -> bytes:
    return f"Received: from x.acme.example by {by} with ESMTPSA id {ident}; {WHEN}\r\n".encode()


@given(
    st.binary(min_size=1, max_size=40),
    st.sampled_from(
        [("gw.example", "TRACE-FORGED"), ("GW.Example", "TRACE-FORGED"), ("a.gw.example", "TRACE-CONTRADICTION")]
    ),
)
def test_an_id_is_ours_for_its_key_host_and_reference_alone(key: bytes, named: tuple[str, str]) -> None:
    host, code = named
    made = own_id(TRACE_KEY, host, REFERENCE)
    assert found(line(host, made)) == []
    if key != TRACE_KEY:
        assert found(line(host, own_id(key, host, REFERENCE))) == [code]
    assert found(line("b.gw.example", made)) == ["TRACE-CONTRADICTION"]


@given(st.integers(0, len(own_id(b"", "gw.example", REFERENCE)) - 1), st.sampled_from("ABCDEFGHJKMNPQRSTV234567"))
def test_one_changed_character_of_an_id_is_seen(at: int, character: str) -> None:
    made = own_id(TRACE_KEY, "gw.example", REFERENCE)
    changed = made[:at] + character + made[at + 1 :]
    codes = found(line("gw.example", changed))
    if changed.lower() == made.lower():
        assert codes == []
    elif at == len(REFERENCE) or (at == 0 and character > "7") or (at > len(REFERENCE) and changed[at] in "01"):
        assert codes in ([], ["TRACE-FORGED"])  # another form: no claim to be an id of ours
    else:
        assert codes == ["TRACE-FORGED"]


def test_an_id_is_an_atom_and_tells_nothing_of_its_key() -> None:
    made = own_id(TRACE_KEY, "gw.example", REFERENCE)
    assert made.startswith(f"{REFERENCE}-")
    assert len(made) == 26 + 1 + 16
    assert set(made[27:]) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_who_claims_results() -> None:
    assert authserv_id(b"mx.acme.example 1; spf=pass") == "mx.acme.example"
    assert authserv_id(b'"MX.acme.example." ; none') == "mx.acme.example"
    assert authserv_id(b"(c) mx.acme.example(c);") == "mx.acme.example"
    assert authserv_id(b" ; x") == authserv_id(b"") == authserv_id(b"((") == ""


def test_evidence_names_hosts_and_never_a_recipient() -> None:
    header = (
        b"Received: from secret@x.example (HELO secret) by mx.foreign.example with ESMTP id secret"
        b" for <secret@recipient.example>; " + WHEN.encode() + b"\r\n"
    )
    verdict = Case("", "", message=header + b"From: ann@acme.example\r\n\r\n").verdict()
    assert [finding.evidence for finding in verdict.findings] == ["Received by mx.foreign.example"]


def test_evidence_is_bounded() -> None:
    header = b"".join(
        f"Received: from a by mx{number}.foreign.example with ESMTP id 1; {WHEN}\r\n".encode() for number in range(90)
    )
    verdict = Case("", "", message=header + b"From: ann@acme.example\r\n\r\n").verdict()
    assert [len(finding.evidence) <= 320 for finding in verdict.findings] == [True]


PIECES = st.sampled_from(
    [b"Received:", b"Authentication-Results:", b"Date:", b" by ", b" from ", b" with ESMTPSA", b" id ", b"gw.example",
     b" other.example", b" mx.foreign.example", own_id(TRACE_KEY, "gw.example", REFERENCE).encode(), b";", b"(", b")",
     b"\r\n", b"\r\n ", WHEN.encode(), b"\0", b"\xff", b'"']
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map(b"".join))
def test_no_trace_makes_a_rule_fail(header: bytes) -> None:
    assert set(found(header + b"\r\n")) <= set(TRACE)  # and none failed, which it looks at


def test_two_thousand_fields_take_no_longer_than_their_length() -> None:
    def seconds(count: int) -> float:
        raw = (
            line("gw.example", own_id(TRACE_KEY, "gw.example", REFERENCE)) * count
        ) + b"From: ann@acme.example\r\n\r\n"
        best = []
        for _ in range(3):
            begun = process_time()
            Message(raw).trace  # noqa: B018 - it is read lazily
            found(raw)
            best.append(process_time() - begun)
        return min(best)

    assert seconds(2000) < 40 * seconds(125) + 0.01
