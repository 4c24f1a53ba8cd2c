"""Addresses of several workers are kept for them, and are nobody else's."""

import socket
from contextlib import ExitStack

import pytest

from config.files import ConfigError
from config.settings import Listener, split_address
from gateway.listening import hold


def listener(address: str) -> Listener:
    return Listener(address=address)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_a_port_that_the_system_chose_is_the_same_for_all_and_a_second_gateway_is_told(address: str) -> None:
    with ExitStack() as stack:
        (held,) = hold((listener(address),), stack)
        host, port = split_address(held.address)
        assert port > 0
        assert split_address(held.address)[0] == split_address(address)[0]
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("127.0.0.1" if host == "localhost" else host, port))
            worker.listen()
            with ExitStack() as other, pytest.raises(ConfigError, match="already in use"):
                hold((listener(held.address),), other)


def test_an_address_that_others_share_among_themselves_is_taken_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other, ExitStack() as stack:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=rf"smtp\.listeners: cannot listen on {address}: Address already in use"):
            hold((listener("127.0.0.1:0"), listener(address)), stack)


def test_what_was_held_is_given_up() -> None:
    with ExitStack() as stack:
        (held,) = hold((listener("127.0.0.1:0"),), stack)
    with socket.create_server(split_address(held.address)):
        pass
