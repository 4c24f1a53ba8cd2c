"""`postern sink`: a next hop that keeps mail in files."""

import signal
import smtplib
import socket
from pathlib import Path

from tests.gateway.cli.conftest import refused, run
from tests.rig.postern import POSTERN
from tests.rig.processes import Process, free_port


def test_it_keeps_each_message_and_ends_with_0(tmp_path: Path) -> None:
    port = free_port()
    command: list[str | Path] = [POSTERN, "sink", "--address", f"127.0.0.1:{port}", "--folder", tmp_path / "kept"]
    with Process(command, tmp_path / "log").start(port) as sink:
        assert f"sink listens on 127.0.0.1:{port}, keeps mail in {tmp_path}/kept" in sink.log_text()
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail(
                "ann@acme.example", ["bob@recipient.example", "c@recipient.example"], "Subject: x\r\n\r\n.y\r\n"
            )
        assert (tmp_path / "kept/00001.eml").read_bytes() == b"Subject: x\r\n\r\n.y\r\n"
        assert "00001.eml  from <ann@acme.example> to bob@recipient.example, c@recipient.example" in sink.log_text()
        sink.send(signal.SIGINT)
        child = sink._child
        assert child is not None
        assert child.wait(5) == 0


def test_wrong_use_is_2_and_says_what_to_do(tmp_path: Path) -> None:
    refused(run("sink", "--address", "nowhere"), "--address", "is not host:port")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused(run("sink", "--address", address, "--folder", tmp_path / "kept"), address, "Address already in use")
    (tmp_path / "file").write_text("")
    refused(run("sink", "--address", "127.0.0.1:0", "--folder", tmp_path / "file/kept"), "--folder", "Not a directory")
