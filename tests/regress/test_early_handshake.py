"""On an implicit TLS listener the first octets of a handshake may be there before the session runs: uvloop looks for
input between the two, and what it read was lost to the handshake."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.rig import certificates
from tests.rig.gateway import running
from tests.rig.loops import CalmLoop


@pytest.mark.parametrize("factory", [CalmLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("proxy_from", [[], ["192.0.2.1"]])
def test_a_handshake_that_is_there_at_once_succeeds(
    tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop], proxy_from: list[str]
) -> None:
    certificate = certificates.make(tmp_path)
    listener: dict[str, Any] = {"address": "127.0.0.1:0", "tls": "implicit", "proxy_from": proxy_from}
    listener |= {"cert_file": str(certificate.cert), "key_file": str(certificate.key)}

    async def main() -> None:
        async with running(tmp_path / "gw", settings={"smtp": {"listeners": [listener]}}) as (gateway, _, _):
            host, _, port = gateway.smtp_addresses[0].rpartition(":")
            for _ in range(3):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = certificates.anybody().wrap_bio(incoming, outgoing)
                with pytest.raises(ssl.SSLWantReadError):
                    client.do_handshake()
                # The loop does not run meanwhile: when it accepts, the octets are there.
                raw = socket.create_connection((host, int(port)))
                raw.sendall(outgoing.read())
                raw.setblocking(False)
                reader, writer = await asyncio.open_connection(sock=raw)
                incoming.write(await asyncio.wait_for(reader.read(65536), 60))
                client.do_handshake()
                writer.close()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
