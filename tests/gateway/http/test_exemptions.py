"""Exemptions over HTTP: bounded, with a reason, in force at once, in the audit."""

from datetime import datetime, timedelta

from tests.gateway.http.conftest import Api, Client, is_problem
from tests.rig.gateway import Clock

UNTIL = "2026-12-31T00:00:00Z"
FOREIGN = b"From: ann@elsewhere.example\r\n\r\nbody\r\n"


async def send(api: Api) -> str:
    """A message that ID-FROM refuses; the reply to its final dot."""
    async with Client(api) as client:
        await client.command("MAIL FROM:<ann@acme.example>")
        await client.command("RCPT TO:<bob@recipient.example>")
        return await client.data(FOREIGN)


async def test_an_exemption_acts_at_once_is_listed_and_ends_when_removed(api: Api) -> None:
    assert (await send(api)).startswith("550")
    made = await api.tell("exemptions", "admin", rule="id-from", until=UNTIL, reason="migration, ticket 4711")
    assert (made["rule"], made["in_force"]) == ("ID-FROM", True)
    assert (await send(api)).startswith("250")
    for path in ("exemptions", "/api/v1/exemptions"):
        assert (await api.ask("GET", path, "auditor")).json() == {"exemptions": [made]}
    assert (await api.ask("GET", "/api/v1/customers/nets/exemptions", "admin")).json() == {"exemptions": []}
    records = (await api.audit("admin", rule="ID-FROM")).json()["records"]
    assert [each["findings"][0].get("exemption") for each in records] == [made["id"], None]
    assert (await api.tell("exemptions/remove", "admin", rule="ID-FROM", reason="over"))["id"] == made["id"]
    assert (await send(api)).startswith("550")
    (added,), (removed,) = api.acts("exempt add"), api.acts("exempt remove")
    assert (added["target"], added["reason"]) == ("ID-FROM", "migration, ticket 4711")
    assert added["details"]["exemption"] == removed["details"]["exemption"] == made["id"]


async def test_locks_and_exemptions_in_force_are_seen_in_the_metrics(api: Api) -> None:
    async def seen() -> list[str]:
        text = (await api.client.get("/metrics")).text
        names = ("postern_credentials_locked ", "postern_exemptions ")
        return [line.partition(" ")[2] for line in text.splitlines() if line.startswith(names)]

    assert await seen() == ["0.0", "0.0"]
    await api.tell("exemptions", "admin", rule="HDR-DATE", until=UNTIL, reason="x")
    await api.tell("credentials/lock", "admin", all=True, reason="x")
    assert await seen() == ["2.0", "1.0"]
    clock = api.gateway.clock
    assert isinstance(clock, Clock)
    clock.now = datetime.fromisoformat(UNTIL)
    assert await seen() == ["2.0", "0.0"]


async def test_what_is_wrong_is_named_and_changes_nothing(api: Api) -> None:
    far = (api.gateway.clock() + timedelta(days=367)).isoformat()
    good = {"rule": "HDR-DATE", "until": UNTIL, "reason": "x"}
    for change, status, words in [
        ({"rule": "HDR-DAT"}, 422, "rule: HDR-DAT: unknown rule code; did you mean 'HDR-DATE'?"),
        ({"rule": "BARE-LF"}, 422, "refuses always"),
        ({"until": far}, 422, "until: must lie ahead, by at most 366 days"),
        ({"until": "2020-01-01T00:00:00Z"}, 422, "until: must lie ahead"),
        ({"until": "2026-12-31T00:00:00"}, 422, "until: "),
        ({"reason": " "}, 422, "reason: "),
    ]:
        answer = await api.ask("POST", "exemptions", "admin", json=good | change)
        assert words in str(is_problem(answer, status)["detail"])
    body = {"rule": "HDR-DATE", "reason": "x"}
    answer = await api.ask("POST", "exemptions/remove", "admin", json=body)
    assert "nothing was changed" in str(is_problem(answer, 404)["detail"])
    for path in ("exemptions", "exemptions/remove"):
        answer = await api.ask(
            "POST", f"/api/v1/customers/nobody/{path}", "admin", json=good if path[-1] == "s" else body
        )
        is_problem(answer, 404)
    await api.tell("exemptions", "admin", **good)
    answer = await api.ask("POST", "exemptions", "admin", json=good)
    assert "is exempt from HDR-DATE already" in str(is_problem(answer, 409)["detail"])
    assert len(api.acts("exempt add")) == 1
