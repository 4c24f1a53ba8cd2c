"""`limits show` handed its token to the proxy of the environment, on the way to the gateway on the same machine."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.rig.cli import Desk


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_error(502)

    desk = Desk.at(tmp_path)
    desk.done("customers", "apply", desk.customers)
    file = tmp_path / "postern.toml"
    file.write_text(f'{file.read_text()}[http]\naddress = "127.0.0.1:1"\n')
    (tmp_path / "token").write_text("postern_x")
    with HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("no_proxy", raising=False)
        result = desk.run("limits", "show", "brand", "--token-file", str(tmp_path / "token"))
        proxy.shutdown()
    assert (result.exit_code, seen) == (2, [])
