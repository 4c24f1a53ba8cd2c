"""MAIL: which next hop, what is offered and passed on, and when there is no room."""

from pathlib import Path

from config.policy import Action, Policy
from filters.engine import bind
from tests.rig.gateway import running
from tests.rig.smtpd import STALL, Smtpd
from tests.rig.talk import CLEAN, Talk


async def send(talk: Talk, message: bytes = CLEAN) -> str:
    await talk.up_to_data()
    return await talk.ask(message)


async def test_past_the_body_budget_mail_is_452(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"body_memory": 2000}}) as (gateway, hop, _):
        first, second = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
        await first.login()
        await second.login()
        await first.up_to_data()
        hop.on("DOT", STALL)
        first.writer.write(b"From: ann@acme.example\r\n\r\n" + b"x" * 990 + b"\r\n" + b"y" * 950 + b"\r\n.\r\n")
        await hop.until(lambda: "DATA" in hop.commands)
        gateway.edge.pipeline.budget.memory_used += 100
        assert (await second.ask("MAIL FROM:<ann@acme.example>")).startswith("452 4.3.1 ")
        gateway.edge.pipeline.budget.memory_used -= 100
        await hop.stop()
        assert (await first.reply()).startswith("451 4.4.2 ")
        assert gateway.edge.pipeline.budget.memory_used == 0
        first.writer.close()
        second.writer.close()


async def test_a_customers_own_next_hop_is_used(tmp_path: Path) -> None:
    async with Smtpd() as second, Smtpd() as first:
        hops = [{"name": "default", "addresses": [first.address]}, {"name": "second", "addresses": [second.address]}]
        customers = [
            {"id": "acme", "name": "A", "domains": ["acme.example"], "next_hop": "second",
             "credentials": [{"username": "acme-app", "password": "a right password"}]},
            {"id": "other", "name": "O", "domains": ["other.example"], "next_hop": "nowhere",
             "credentials": [{"username": "other-app", "password": "a right password"}]},
        ]  # fmt: skip
        async with running(tmp_path, hop=first, settings={"next_hops": hops}, customers=customers) as (gateway, _, _):
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            assert (await send(talk)).startswith("250 ")
            assert (len(first.accepted), len(second.accepted)) == (0, 1)
            other = await Talk.to(gateway.smtp_addresses[0])
            await other.login("other-app")
            assert (await other.ask("MAIL FROM:<a@other.example>")).startswith("451 4.3.0 ")
            talk.writer.close()
            other.writer.close()


async def test_parameters_reach_the_next_hop_only_where_it_offered_them(tmp_path: Path) -> None:
    async with Smtpd(keywords=("PIPELINING", "SIZE 10000000")) as plain:
        async with running(tmp_path, hop=plain) as (gateway, hop, linter):
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            assert "250-8BITMIME" not in linter.seen
            assert (await talk.ask("MAIL FROM:<ann@acme.example> SMTPUTF8")).startswith("555 ")
            await talk.ask("MAIL FROM:<ann@acme.example> SIZE=300 AUTH=<>")
            await talk.ask("RCPT TO:<bob@recipient.example>")
            await talk.ask("DATA")
            await talk.ask(CLEAN)
            assert hop.accepted[0].reverse_path == "<ann@acme.example> SIZE=300"
            talk.writer.close()


async def test_dsn_parameters_are_555_where_the_next_hop_does_not_offer_it_and_451_when_it_ceases_to(
    tmp_path: Path,
) -> None:
    async with Smtpd(keywords=("PIPELINING", "DSN")) as able:
        async with running(tmp_path, hop=able) as (gateway, hop, linter):
            talk, late = await Talk.to(gateway.smtp_addresses[0]), await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            assert "250-DSN" in linter.seen
            able.keywords = ("PIPELINING",)
            await able.stop()
            await able.start()
            await gateway.hops["default"]._pool.probe()
            assert (await talk.ask("MAIL FROM:<ann@acme.example> RET=HDRS")).startswith("451 4.4.0 ")
            await late.login()
            assert (await late.ask("MAIL FROM:<ann@acme.example> RET=HDRS")).startswith("555 5.5.4 ")
            assert (await late.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
            assert (await late.ask("RCPT TO:<bob@recipient.example> NOTIFY=NEVER")).startswith("555 5.5.4 ")
            talk.writer.close()
            late.writer.close()


async def test_auth_of_mail_is_nobody_where_we_authenticate_to_the_next_hop(tmp_path: Path) -> None:
    async with Smtpd(users={"postern": "secret"}) as server:
        (tmp_path / "password").write_text("secret")
        hops = [
            {"name": "default", "addresses": [server.address], "tls": "none", "username": "postern",
             "password_file": str(tmp_path / "password")},
        ]  # fmt: skip
        async with running(tmp_path, hop=server, settings={"next_hops": hops}) as (gateway, hop, _):
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            for given, passed in ((" AUTH=<>", " AUTH=<>"), (" AUTH=ceo@bank.example", " AUTH=<>"), ("", "")):
                await talk.ask(f"MAIL FROM:<ann@acme.example>{given}")
                await talk.ask("RCPT TO:<bob@recipient.example>")
                await talk.ask("DATA")
                assert (await talk.ask(CLEAN)).startswith("250 ")
                assert hop.accepted[-1].reverse_path == f"<ann@acme.example>{passed}"
            talk.writer.close()


def test_bind_is_what_a_customer_gets() -> None:
    assert len(bind(Policy())) == len(bind(Policy(), {"HDR-DATE": Action.OFF})) + 1
