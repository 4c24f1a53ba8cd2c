"""Settings: the file, the environment over it, paths relative to the file, secrets never shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.files import ConfigError
from config.settings import Dns, Settings, is_loopback, load_settings, split_address, split_nameserver

DESIGN = """
hostname = "gw.example"
data_dir = "var"
[[smtp.listeners]]
address = "127.0.0.1:2525"
role = "submission"
tls = "none"
auth_without_tls = true
proxy_from = []
[[next_hops]]
name = "default"
addresses = ["127.0.0.1:2526"]
[operator]
domains = ["gw.example"]
mailbox = "abuse@gw.example"
profile = "us"
[registry]
url = "sqlite:///var/postern.db"
[ledger]
url = "memory://"
nodes = 1
[dns]
servers = []
[http]
address = "127.0.0.1:8025"
public_address = ""
public_url = "https://unsubscribe.example"
[limits]
connections_per_address = 200
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "postern.toml"
    path.write_text(DESIGN)
    return path


def test_every_documented_key_is_taken(file: Path) -> None:
    settings = load_settings(file)
    assert settings.hostname == "gw.example"
    assert settings.smtp.listeners[0].auth_without_tls


def test_paths_are_relative_to_the_file(file: Path, tmp_path: Path) -> None:
    settings = load_settings(file)
    assert settings.data_dir == tmp_path / "var"
    assert settings.secrets_file == tmp_path / "var" / "secrets.toml"
    assert settings.registry.url.get_secret_value() == f"sqlite:///{tmp_path}/var/postern.db"


def test_an_absolute_path_stays(file: Path) -> None:
    file.write_text(
        DESIGN.replace('data_dir = "var"', 'data_dir = "/srv/postern"').replace("sqlite:///var", "sqlite:////srv")
    )
    settings = load_settings(file)
    assert settings.data_dir == Path("/srv/postern")
    assert settings.registry.url.get_secret_value() == "sqlite:////srv/postern.db"


def test_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERN_HTTP__ADDRESS", "127.0.0.1:9025")
    monkeypatch.setenv("POSTERN_HOSTNAME", "other.example")
    settings = load_settings(file)
    assert (settings.http.address, settings.hostname) == ("127.0.0.1:9025", "other.example")
    assert settings.http.public_url == "https://unsubscribe.example"


def test_an_unknown_environment_name_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERN_HTP__ADDRESS", "127.0.0.1:9025")
    with pytest.raises(ConfigError, match="POSTERN_HTP__ADDRESS: unknown setting; did you mean 'POSTERN_HTTP'"):
        load_settings(file)


def test_what_is_shown_holds_no_password(file: Path) -> None:
    file.write_text(DESIGN.replace("sqlite:///var/postern.db", "postgresql://postern:hunter2@db.example/postern"))
    shown = load_settings(file).shown()
    assert shown["registry"]["url"] == "postgresql://postern:***@db.example/postern"
    assert "hunter2" not in repr(load_settings(file))
    file.write_text(DESIGN.replace('url = "memory://"', 'url = "rediss://:hunter2@redis.example:6380/0"'))
    assert load_settings(file).shown()["ledger"]["url"] == "rediss://:***@redis.example:6380/0"
    assert "hunter2" not in repr(load_settings(file))
    file.write_text(DESIGN.replace('url = "memory://"', 'url = "redis+cluster://us:hunter2@a.example:1,b.example:2"'))
    assert load_settings(file).shown()["ledger"]["url"] == "redis+cluster://us:***@a.example:1,b.example:2"


@pytest.mark.parametrize("wrong", ["memory", "memory://x", "redis://", "redis+cluster://", "redis://a?password=b"])
def test_a_ledger_that_this_version_cannot_keep_is_refused(file: Path, wrong: str) -> None:
    file.write_text(DESIGN.replace('url = "memory://"', f'url = "{wrong}"'))
    with pytest.raises(ConfigError, match=r"ledger\.url: .*redis://"):
        load_settings(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:25", ("127.0.0.1", 25)), ("[::1]:25", ("::1", 25)), ("mail.example:0", ("mail.example", 0))],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize("text", ["", "25", ":25", "::1:25", "a b:25", "a:65536", "a:-1", "[::1]", "a:1:2"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_address(text)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("gw.example", False)],
)
def test_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_balancers_are_addresses_or_networks(file: Path) -> None:
    file.write_text(DESIGN.replace("proxy_from = []", 'proxy_from = ["10.0.0.0/8", "::1", "192.0.2.7"]'))
    assert load_settings(file).smtp.listeners[0].proxy_from == ("10.0.0.0/8", "::1/128", "192.0.2.7/32")
    file.write_text(DESIGN.replace("proxy_from = []", 'proxy_from = ["balancer.example"]'))
    with pytest.raises(ConfigError, match=r"smtp\.listeners\[0\]\.proxy_from\[0\]: .*write it like '192\.0\.2\.0/24'"):
        load_settings(file)


def test_settings_are_frozen(file: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.model_validate(load_settings(file).model_dump()).hostname = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "nameserver"),
    [("192.0.2.53", ("192.0.2.53", 53)), ("192.0.2.53:5353", ("192.0.2.53", 5353)), ("2001:db8::53", ("2001:db8::53", 53)),
     ("[2001:DB8::53]:5353", ("2001:db8::53", 5353))],
)  # fmt: skip
def test_a_resolver_is_an_address_with_or_without_port(text: str, nameserver: tuple[str, int]) -> None:
    assert split_nameserver(text) == nameserver
    assert Dns(servers=(text,)).servers == (text,)


@pytest.mark.parametrize(
    "servers", [("ns.example",), ("ns.example:53",), ("",), ("192.0.2.53:99999",), ("system", "192.0.2.53")]
)
def test_what_is_no_resolver_is_refused(servers: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="neither 'system' alone nor a resolver"):
        Dns(servers=servers)


def test_the_systems_resolvers_and_none_are_said_so() -> None:
    assert Dns(servers=("system",)).servers == ("system",)
    assert Dns().servers == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('public_url = "http://unsubscribe.example"', "http.public_url"),
        ('public_url = "https://unsubscribe.example/path"', "http.public_url"),
        ('public_url = "unsubscribe.example"', "http.public_url"),
        ('public_address = "everywhere"', "http.public_address"),
    ],
)
def test_what_links_are_made_of_is_checked(file: Path, line: str, told: str) -> None:
    name = line.partition(" ")[0]
    file.write_text("\n".join(line if each.startswith(name) else each for each in DESIGN.splitlines()))
    with pytest.raises(ConfigError, match=told):
        load_settings(file)


def test_the_public_may_have_a_listener_of_its_own(file: Path) -> None:
    file.write_text(DESIGN.replace('public_address = ""', 'public_address = "127.0.0.1:8026"'))
    assert load_settings(file).http.public_address == "127.0.0.1:8026"
