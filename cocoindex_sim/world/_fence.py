"""The calls of an event loop that reach outside the simulation: each raises, naming itself."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from ..values import FenceError

__all__ = ["NO_OUTSIDE", "FencedLoop"]

NO_OUTSIDE = (
    "a simulated run has no sockets, subprocesses, pipes or signals; plug a fake in its place, or run this part against"
    " the real world"
)


def _fenced(name: str) -> Any:
    def call(self: object, *args: object, **kwargs: object) -> NoReturn:
        raise FenceError(f"loop.{name}() leaves the simulation: {NO_OUTSIDE}")

    call.__name__ = name
    call.__qualname__ = f"FencedLoop.{name}"
    call.__doc__ = "Raises FenceError."
    return call


class FencedLoop(asyncio.AbstractEventLoop):
    """An event loop without an outside; coroutine methods raise when called, not when awaited."""

    getaddrinfo = _fenced("getaddrinfo")
    getnameinfo = _fenced("getnameinfo")
    create_connection = _fenced("create_connection")
    create_server = _fenced("create_server")
    start_tls = _fenced("start_tls")
    create_unix_connection = _fenced("create_unix_connection")
    create_unix_server = _fenced("create_unix_server")
    connect_accepted_socket = _fenced("connect_accepted_socket")
    create_datagram_endpoint = _fenced("create_datagram_endpoint")
    sendfile = _fenced("sendfile")
    sock_sendfile = _fenced("sock_sendfile")
    sock_recv = _fenced("sock_recv")
    sock_recv_into = _fenced("sock_recv_into")
    sock_recvfrom = _fenced("sock_recvfrom")
    sock_recvfrom_into = _fenced("sock_recvfrom_into")
    sock_sendto = _fenced("sock_sendto")
    sock_sendall = _fenced("sock_sendall")
    sock_connect = _fenced("sock_connect")
    sock_accept = _fenced("sock_accept")
    connect_read_pipe = _fenced("connect_read_pipe")
    connect_write_pipe = _fenced("connect_write_pipe")
    subprocess_shell = _fenced("subprocess_shell")
    subprocess_exec = _fenced("subprocess_exec")
    add_reader = _fenced("add_reader")
    remove_reader = _fenced("remove_reader")
    add_writer = _fenced("add_writer")
    remove_writer = _fenced("remove_writer")
    add_signal_handler = _fenced("add_signal_handler")
    remove_signal_handler = _fenced("remove_signal_handler")
