"""Health and metrics."""

from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.http.conftest import Api, Client, is_problem, until_ready


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
