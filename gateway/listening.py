"""Listening: the addresses of several workers, found out for them by the process that starts them.

Every worker listens on every listener by itself, with SO_REUSEPORT, and the kernel shares connections out. The
supervisor holds a socket that is bound and never listens: so a port that the settings leave to the system is the same
for all of them, and stays so while they come and go. And it looks first whether somebody else listens there, with whom
SO_REUSEPORT would share it.
"""

import socket
from contextlib import ExitStack

from config.files import ConfigError
from config.settings import Listener, split_address


def hold(listeners: tuple[Listener, ...], stack: ExitStack) -> tuple[Listener, ...]:
    """The listeners with their ports known, held until `stack` is closed; raises ConfigError where one is taken."""
    return tuple(_held(listener, stack) for listener in listeners)


def _held(listener: Listener, stack: ExitStack) -> Listener:
    host, port = split_address(listener.address)
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            place = (address[0], port, *address[2:])
            if port:
                # Once without sharing: whoever has it would share it with us.
                _bound(family, kind, place, share=False).close()
            holding = stack.enter_context(_bound(family, kind, place, share=True))
            port = holding.getsockname()[1]
    except OSError as error:
        raise ConfigError(f"smtp.listeners: cannot listen on {listener.address}: {error.strerror or error}") from None
    return listener.model_copy(update={"address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"})


def _bound(family: int, kind: int, address: tuple[object, ...], *, share: bool) -> socket.socket:
    bound = socket.socket(family, kind)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
