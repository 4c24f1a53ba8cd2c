"""The API's endpoints: what they do to a running gateway, and what its description says of them."""

import asyncio
import logging
import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.audit.errors import JournalClosed, JournalFull
from gateway.audit.journal import Journal
from gateway.audit.record import Act
from gateway.audit.search import Query
from tests.gateway.http.conftest import Api, is_problem
from tests.rig.gateway import PASSWORD, decisions

ACME = "/api/v1/customers/acme"


class Client:
    """An SMTP session that stays open while the API is asked."""

    def __init__(self, api: Api) -> None:
        self._host, _, port = api.gateway.smtp_addresses[0].rpartition(":")
        self._port = int(port)

    async def __aenter__(self) -> "Client":
        self._smtp = await asyncio.to_thread(smtplib.SMTP, self._host, self._port, "client.example", 10)
        await asyncio.to_thread(self._smtp.login, "acme-app", PASSWORD)
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._smtp.close)

    async def command(self, line: str) -> str:
        """A command's reply."""
        code, text = await asyncio.to_thread(self._smtp.docmd, line)
        return f"{code} {text.decode()}"

    async def send(self, subject: str = "Lunch", recipient: str = "bob@recipient.example") -> str:
        """A clean message; the reply to its final dot, or to what was refused before."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ann@acme.example", recipient, subject
        message.set_content("At noon.")
        reply = ""
        for line in ("MAIL FROM:<ann@acme.example>", f"RCPT TO:<{recipient}>"):
            reply = await self.command(line)
            if not reply.startswith("250"):
                await self.command("RSET")
                return reply
        return await self.data(message.as_bytes(policy=SMTP))

    async def data(self, message: bytes) -> str:
        """The reply to the final dot."""
        code, text = await asyncio.to_thread(self._smtp.data, message)
        return f"{code} {text.decode()}"


async def until_ready(api: Api) -> httpx.Response:
    """Ask /readyz until it is green, for at most 15 seconds."""
    for _ in range(150):
        if (await api.client.get("/readyz")).status_code == 200:
            break
        await asyncio.sleep(0.1)
    return await api.client.get("/readyz")


def actions(api: Api) -> list[dict[str, Any]]:
    """The operators' acts in the audit, oldest first."""
    return list(api.gateway.evidence.search(Query(kind="action")))[::-1]


async def test_a_suspension_acts_on_an_open_session_at_its_next_mail(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.send()).startswith("250")
        answer = await api.post(f"{ACME}/suspend", "admin", reason="phishing, ticket 4711")
        assert answer.status_code == 200
        assert (await client.command("MAIL FROM:<ann@acme.example>")).startswith("550 5.7.1 Sending is suspended")
        answer = await api.post(f"{ACME}/resume", "admin", reason="cleaned")
        assert answer.json()["status"] == "active"
        assert (await client.send()).startswith("250")


async def test_a_suspension_within_a_transaction_refuses_at_its_end(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.command("MAIL FROM:<ann@acme.example>")).startswith("250")
        assert (await client.command("RCPT TO:<bob@recipient.example>")).startswith("250")
        await api.post(f"{ACME}/suspend", "admin", reason="x")
        assert (await client.data(b"From: ann@acme.example\r\n\r\n")).startswith("550 5.7.1")
    assert api.hop.accepted == []


async def test_each_act_is_in_the_audit_with_its_token_and_reason(api: Api) -> None:
    await api.post(f"{ACME}/suspend", "admin", reason="  phishing,\n ticket 4711 ")
    await api.post(f"{ACME}/resume", "admin", reason="cleaned")
    suspended, resumed = actions(api)
    number = api.tokens["admin"].split("_")[1]
    assert (suspended["actor"], suspended["act"], suspended["customer"]) == (f"token:{number}", "suspend", "acme")
    assert "ticket 4711" in suspended["reason"]
    assert (resumed["act"], resumed["reason"]) == ("resume", "cleaned")


async def test_doing_it_again_changes_nothing_and_records_nothing(api: Api) -> None:
    first = (await api.post(f"{ACME}/suspend", "admin", reason="phishing")).json()
    again = (await api.post(f"{ACME}/suspend", "admin", reason="another")).json()
    assert (first["changed"], again["changed"]) == (True, False)
    assert again | {"changed": True} == first
    assert again["reason"] == "phishing"
    assert len(actions(api)) == 1
    assert (await api.post("/api/v1/customers/nets/resume", "admin", reason="x")).json()["changed"] is False


async def test_of_many_at_once_one_changes_it(api: Api) -> None:
    answers = await asyncio.gather(*(api.post(f"{ACME}/suspend", "admin", reason=f"by {n}") for n in range(12)))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sum(answer.json()["changed"] for answer in answers) == 1
    assert len(actions(api)) == 1


async def test_a_customer_there_is_not_is_404_and_recorded_nowhere(api: Api) -> None:
    problem = is_problem(await api.post("/api/v1/customers/nobody/suspend", "admin", reason="x"), 404)
    assert problem["detail"] == "no customer 'nobody'"
    is_problem(await api.post("/api/v1/customers/NO!/suspend", "admin", reason="x"), 422)
    assert actions(api) == []


async def test_a_suspension_that_cannot_be_recorded_holds_is_told_and_recorded_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", full)
        problem = is_problem(await api.post(f"{ACME}/suspend", "admin", reason="spam"), 503)
    assert "customer 'acme' is suspended" in str(problem["detail"])
    assert "as soon as it can be" in str(problem["detail"])
    entry = api.gateway.directory.get("acme")
    assert entry is not None
    assert entry.standing.status == "suspended"
    await api.gateway.journal.append(Act("test", "wait for the group"))
    assert [each["act"] for each in actions(api)] == ["suspend", "wait for the group"]
    assert (await api.post(f"{ACME}/suspend", "admin", reason="spam")).json()["changed"] is False


async def test_a_suspension_while_the_audit_is_closed_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Journal, record: object) -> int:
        raise JournalClosed("the audit journal is closed")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", closed)
        patch.setattr(Journal, "note", closed)
        problem = is_problem(await api.post(f"{ACME}/suspend", "admin", reason="spam"), 503)
    assert str(problem["detail"]).endswith("could not record it: the audit journal is closed")


async def test_a_customer_finds_its_own_decisions_and_no_others(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.send()).startswith("250")
        await client.command("MAIL FROM:<eve@evil.example>")
    await api.post(f"{ACME}/suspend", "admin", reason="a matter of the operator")
    own = (await api.audit("own")).json()["records"]
    assert {record["kind"] for record in own} == {"decision"}
    assert {record["customer"] for record in own} == {"acme"}
    assert len(own) == 2
    assert own == (await api.audit("own", customer="acme")).json()["records"]
    assert (await api.audit("other")).json() == {"records": [], "more": False}
    assert "a matter of the operator" not in (await api.audit("own")).text
    everything = (await api.audit("auditor")).json()["records"]
    assert {"decision", "outcome", "action", "start"} <= {record["kind"] for record in everything}


async def test_a_customer_cannot_tell_another_from_one_that_is_not(api: Api) -> None:
    async with Client(api) as client:
        reference = (await client.send()).split("ref ")[1].split(";")[0]
    assert len((await api.audit("own", reference=reference)).json()["records"]) == 1
    empty = {"records": [], "more": False}
    for parameters in (
        {"customer": "acme"},
        {"customer": "nobody"},
        {"reference": reference},
        {"reference": "01M7XYQZHPTJEZ59VDFWJZ0PGQ"},
        {"sender": "ann@acme.example"},
        {"recipient": "bob@recipient.example"},
        {"credential": "acme-app"},
        {"kind": "action"},
    ):
        assert (await api.audit("other", **parameters)).json() == empty
    for act in ("suspend", "resume"):
        texts = {(await api.post(f"/api/v1/customers/{who}/{act}", "other", reason="x")).text
                 for who in ("acme", "nets", "nobody")}  # fmt: skip
        assert len(texts) == 1


async def test_the_audit_is_searched_by_all_that_is_given(api: Api) -> None:
    async with Client(api) as client:
        await client.send()
        await client.send(recipient="carol@recipient.example")
        await client.command("MAIL FROM:<eve@evil.example>")
    first, second, refused = decisions(api.gateway, customer="acme")

    async def references(**parameters: str | int) -> list[str]:
        page = (await api.audit("auditor", kind="decision", **parameters)).json()
        return [record["reference"] for record in page["records"]][::-1]

    both = [first["reference"], second["reference"]]
    everything = [*both, refused["reference"]]
    assert await references() == everything
    assert await references(recipient="CAROL@recipient.example") == both[1:]
    assert await references(sender="ann@acme.example") == both
    assert await references(credential="acme-app", verdict="accept") == both
    assert await references(rule="ID-REVERSE-PATH") == everything[2:]
    assert await references(verdict="reject", customer="nets") == []
    assert await references(reference=both[0]) == both[:1]
    assert await references(since="2026-11-20T10:00:00Z") == everything
    assert await references(since="2026-11-20T11:00:00.000001+01:00") == []
    assert await references(until="2026-11-20T10:00:00Z") == []
    page = (await api.audit("auditor", kind="decision", limit=2)).json()
    assert (len(page["records"]), page["more"]) == (2, True)
    assert (await api.audit("auditor", kind="decision", limit=3)).json()["more"] is False


async def test_readyz_goes_red_with_the_next_hop_and_green_again(api: Api) -> None:
    assert (await until_ready(api)).json() == {"status": "ok"}
    api.hop.on("RCPT", "554 5.7.1 <bob@recipient.example>: Relay access denied")
    async with Client(api) as client:
        assert (await client.send()).startswith("451 4.4.0")
        problem = is_problem(await api.client.get("/readyz"), 503)
        assert "Relay access denied" in str(problem["trouble"])
        assert str(problem["detail"]).startswith("mail does not flow: ")
        assert (await api.client.get("/healthz")).status_code == 200
        assert 'postern_healthy{part="next-hop default"} 0.0' in (await api.client.get("/metrics")).text
        api.hop.forget()
        assert (await client.send()).startswith("250")
    assert (await api.client.get("/readyz")).status_code == 200


async def test_readyz_is_red_while_the_next_hop_is_down(api: Api) -> None:
    async with Client(api) as client:
        await api.hop.stop()
        assert (await client.send()).startswith("451 4.4.")
        is_problem(await api.client.get("/readyz"), 503)
        await api.hop.start()
        assert (await until_ready(api)).status_code == 200


async def test_metrics_are_in_the_format_of_prometheus(api: Api) -> None:
    async with Client(api) as client:
        await client.send()
        answer = await api.client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for each in families.values()
            for sample in each.samples
        }
        assert samples["postern_verdicts_total", "accept"] == 1
        assert samples["postern_sessions",] == 1
        assert samples["postern_rule_off", "HDR-FROM"] == 0
        assert samples["postern_healthy", "next-hop default"] == 1


async def test_no_token_or_password_is_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Client(api) as client:
        await client.send()
    for who in ("admin", "own", "wrong", "revoked", "garbage"):
        await api.audit(who)
        await api.post(f"{ACME}/suspend", who, reason="x")
    secrets = [*api.tokens.values(), PASSWORD]
    written = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    audit = b"".join(path.read_bytes() for path in (api.gateway.settings.data_dir / "audit").rglob("*.jsonl"))
    for secret in secrets:
        assert secret not in written
        assert secret.encode() not in audit


def references_of(value: object) -> list[str]:
    """Every $ref in a description."""
    if isinstance(value, dict):
        found = [each for key, part in value.items() if key != "$ref" for each in references_of(part)]
        return [*found, *([value["$ref"]] if "$ref" in value else [])]
    return [each for part in value for each in references_of(part)] if isinstance(value, list) else []


async def test_the_description_is_whole(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.")
    assert {"title", "version"} <= described["info"].keys()
    for reference in references_of(described):
        part = described
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
    operations = [each for path in described["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations) == 6
    assert all(each["description"] for each in operations)
    for path, methods in described["paths"].items():
        for operation in methods.values():
            named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in named)
            assert ("security" in operation) == path.startswith("/api/")


async def test_the_description_names_every_status_and_its_form(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()["paths"]
    always = {"200", "408", "413", "500", "503"}
    guarded = {"401", "403", "422"}
    expected = {
        "/healthz": always,
        "/readyz": always,
        "/metrics": always,
        "/api/v1/audit": always | guarded,
        "/api/v1/customers/{customer}/suspend": always | guarded | {"404"},
        "/api/v1/customers/{customer}/resume": always | guarded | {"404"},
    }
    assert described.keys() == expected.keys()
    for path, statuses in expected.items():
        for operation in described[path].values():
            assert operation["responses"].keys() == statuses
            for status, response in operation["responses"].items():
                form = "text/plain" if path == "/metrics" else "application/json"
                assert list(response["content"]) == [form if status == "200" else "application/problem+json"]


async def test_the_documentation_answers(api: Api) -> None:
    assert "swagger" in (await api.client.get("/docs")).text
