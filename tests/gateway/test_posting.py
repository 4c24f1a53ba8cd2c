"""Posting: signed, to an address that was looked at, bounded in everything; against a real HTTPS server."""

import asyncio
import base64
import re
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.files import ConfigError
from config.settings import Webhooks
from config.webhooks import Webhook
from gateway.posting import Poster, PostFailed, Resolve, resolved, secret_text, signature
from tests.rig.certificates import make
from tests.rig.hooks import NAME, Hooks
from tests.rig.processes import free_port

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BODY = '{"type":"test"}'
SECRET, BEFORE = b"s" * 32, b"b" * 32


def home(host: str, port: int) -> list[str]:
    """A resolver for which everything is here."""
    return ["127.0.0.1"]


def poster(hooks: Hooks | None = None, resolve: Resolve = home, **settings: object) -> Poster:
    values: dict[str, object] = {"allow_networks": ["127.0.0.0/8"], "timeout": 10}
    if hooks is not None:
        values["ca_file"] = hooks.certificate.cert
    return Poster(Webhooks.model_validate(values | settings), resolve)


async def post(with_: Poster, url: str) -> int:
    try:
        return await with_.post(Webhook(url=url), "evt_1", BODY, [SECRET, BEFORE], NOW)
    finally:
        with_.close()


async def test_a_request_is_what_the_libraries_of_standard_webhooks_take(tmp_path: Path) -> None:
    async with Hooks(tmp_path, 204) as hooks:
        assert await post(poster(hooks), f"{hooks.url}/x?key=a%20b") == 204
    (got,) = hooks.received
    assert (got.target, got.body) == ("/in/x?key=a%20b", BODY.encode())
    assert got.headers["host"] == f"{NAME}:{hooks.port}"
    assert got.headers["content-type"] == "application/json"
    assert (got.headers["webhook-id"], got.headers["webhook-timestamp"]) == ("evt_1", str(int(NOW.timestamp())))
    assert got.signed_by(secret_text(SECRET))
    assert got.signed_by(secret_text(BEFORE)), "so a new secret can be put in force at the customer's own time"
    assert not got.signed_by(secret_text(b"x" * 32))


async def test_the_customers_guide_verifies_what_is_sent(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs/customer.md").read_text()
    code = next(each for each in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if "def verified(" in each)
    made: dict[str, Any] = {}
    exec(code, made)
    now = datetime.now(UTC)
    async with Hooks(tmp_path) as hooks:
        for time_of in (now, now - timedelta(minutes=6)):
            fresh = poster(hooks)
            await fresh.post(Webhook(url=hooks.url), "evt_1", BODY, [SECRET, BEFORE], time_of)
            fresh.close()
    got, old = hooks.received
    for secret in (SECRET, BEFORE):
        assert made["verified"](secret_text(secret), got.headers, got.body)
        assert not made["verified"](secret_text(secret), got.headers, got.body + b" ")
        assert not made["verified"](secret_text(secret), old.headers, old.body)
    assert not made["verified"](secret_text(b"x" * 32), got.headers, got.body)


def test_the_signature_is_that_of_the_published_example() -> None:
    """Of the reference implementations of Standard Webhooks."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}', secret)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [199, 300, 400, 401, 404, 410, 429, 500, 503])
async def test_whatever_is_not_2xx_is_a_failure(tmp_path: Path, status: int) -> None:
    async with Hooks(tmp_path, status) as hooks:
        with pytest.raises(PostFailed, match=rf"{NAME}: (answered {status}|no answer within|Server disconnected)"):
            await post(poster(hooks, timeout=5), hooks.url)


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        target = f"https://localhost:{hooks.port}/private"
        for code in (301, 302, 307, 308):
            hooks.acts = [f"HTTP/1.1 {code} X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode()]
            with pytest.raises(PostFailed, match=f"answered {code}; redirects are not followed"):
                await post(poster(hooks), hooks.url)
        assert [each.target for each in hooks.received] == ["/in"] * 4


async def test_of_an_endless_body_nothing_is_read(tmp_path: Path) -> None:
    async with Hooks(tmp_path, "endless") as hooks:
        assert await post(poster(hooks), hooks.url) == 200
    assert hooks.sent < 64 * 1024 * 1024, "what the kernel's buffers take"


@pytest.mark.parametrize("act", ["hang", "trickle"])
async def test_a_request_is_bounded_in_time(tmp_path: Path, act: str) -> None:
    async with Hooks(tmp_path, act) as hooks:
        begun = time.monotonic()
        with pytest.raises(PostFailed, match=f"{NAME}: no answer within 0.5 s"):
            await post(poster(hooks, timeout=0.5), hooks.url)
        assert time.monotonic() - begun < 30


async def test_header_without_an_end_is_bounded_in_octets(tmp_path: Path) -> None:
    async with Hooks(tmp_path, b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 500_000) as hooks:
        with pytest.raises(PostFailed, match=NAME):
            await post(poster(hooks), hooks.url)


@pytest.mark.parametrize("octets", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
async def test_what_is_no_http_is_a_failure(tmp_path: Path, octets: bytes) -> None:
    async with Hooks(tmp_path, octets) as hooks:
        with pytest.raises(PostFailed, match=NAME):
            await post(poster(hooks), hooks.url)


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(PostFailed, match=f"{NAME}: .*[Cc]onnect"):
        await post(poster(), f"https://{NAME}:{free_port()}/secret-path")


async def test_a_second_address_is_tried(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        both = poster(hooks, lambda host, port: ["127.0.0.99", "127.0.0.1"])
        assert await post(both, hooks.url) == 200


async def test_a_certificate_of_another_name_or_authority_is_refused(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        with pytest.raises(PostFailed, match=r"other\.example: .*CERTIFICATE_VERIFY_FAILED"):
            await post(poster(hooks), f"https://other.example:{hooks.port}/in")
        stranger = make(tmp_path, "stranger.example")
        with pytest.raises(PostFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await post(poster(ca_file=stranger.cert), hooks.url)
        with pytest.raises(PostFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await post(poster(), hooks.url)
        assert hooks.received == []


async def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    async with Hooks(tmp_path) as hooks:
        assert await post(poster(hooks), hooks.url) == 200


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "192.0.0.192",
     "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16", "100.100.100.200", "198.18.0.1", "192.0.2.1",
     "::1", "::", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:7f00:1::1",
     "2001:db8::1", "100::1"],
)  # fmt: skip
async def test_an_address_that_is_not_on_the_public_internet_is_refused(address: str) -> None:
    fresh = poster(resolve=lambda host, port: [address], allow_networks=[])
    with pytest.raises(PostFailed, match=r"not on the public Internet; \[webhooks\] allow_networks"):
        await post(fresh, "https://hooks.acme.example/")


@pytest.mark.parametrize("address", ["198.51.99.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_on_the_public_internet_is_permitted(address: str) -> None:
    assert poster(allow_networks=[]).permitted(address)


def test_networks_that_the_operator_lists_are_permitted_and_no_others() -> None:
    listed = poster(allow_networks=["10.1.0.0/16", "fd00::/8"])
    assert listed.permitted("10.1.2.3")
    assert listed.permitted("::ffff:10.1.2.3")
    assert listed.permitted("fd00::1")
    assert not listed.permitted("10.2.0.1")
    assert not listed.permitted("127.0.0.1")


async def test_a_name_that_leads_home_is_refused_and_nothing_connects(tmp_path: Path) -> None:
    """`localhost` by the system's own resolver, as is."""
    async with Hooks(tmp_path) as hooks:
        with pytest.raises(PostFailed, match=r"localhost: .*not on the public Internet"):
            await post(poster(hooks, resolved, allow_networks=[]), f"https://localhost:{hooks.port}/")
        assert await post(poster(hooks, resolved), f"https://localhost:{hooks.port}/") == 200
    assert len(hooks.received) == 1


async def test_an_address_in_the_url_is_looked_at_too(tmp_path: Path) -> None:
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/"):
        with pytest.raises(PostFailed, match="not on the public Internet"):
            await post(poster(resolve=resolved, allow_networks=[]), url)


async def test_a_name_is_asked_once_and_the_connection_goes_where_was_looked(tmp_path: Path) -> None:
    """DNS rebinding: the second answer, which nobody asks for, would lead elsewhere."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with Hooks(tmp_path) as hooks:
        assert await post(poster(hooks, rebinding, allow_networks=["127.0.0.1/32"]), hooks.url) == 200
    assert asked == [NAME]


async def test_of_several_addresses_only_the_permitted_are_used(tmp_path: Path) -> None:
    async with Hooks(tmp_path) as hooks:
        mixed = poster(hooks, lambda host, port: ["127.0.0.2", "127.0.0.1"], allow_networks=["127.0.0.1/32"])
        assert await post(mixed, hooks.url) == 200


async def test_a_name_that_is_not_found(tmp_path: Path) -> None:
    def gone(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(PostFailed, match=f"{NAME}: the name is not found: Name or service not known"):
        await post(poster(resolve=gone), f"https://{NAME}/")
    with pytest.raises(PostFailed, match="the name is not found"):
        await post(poster(resolve=resolved), f"https://{'x' * 64}.example/")


async def test_a_look_up_that_hangs_is_bounded_and_holds_nobody_up() -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hanging(host: str, port: int) -> list[str]:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return []

    slow = poster(resolve=hanging, timeout=0.3)
    try:
        with pytest.raises(PostFailed, match="no answer within"):
            await slow.post(Webhook(url=f"https://{NAME}/"), "evt_1", BODY, [SECRET], NOW)
    finally:
        gate.set()
        slow.close()


async def test_a_poster_that_was_closed_fails_plainly() -> None:
    closed = poster()
    closed.close()
    with pytest.raises(PostFailed, match="stopped"):
        await post(closed, f"https://{NAME}/")


def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"webhooks\.ca_file: .*gone\.pem cannot be read"):
        poster(ca_file=tmp_path / "gone.pem")
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"webhooks\.ca_file: .*bad\.pem cannot be read"):
        poster(ca_file=tmp_path / "bad.pem")


async def test_what_is_told_about_a_failure_names_no_path(tmp_path: Path) -> None:
    async with Hooks(tmp_path, 500, "cut") as hooks:
        for _ in range(2):
            with pytest.raises(PostFailed) as caught:
                await post(poster(hooks), f"{hooks.url}/T0PSECRET?key=T0PSECRET")
            assert "T0PSECRET" not in str(caught.value)


def test_certificates_are_verified() -> None:
    context = poster()._context
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
