"""What an event loop in virtual time has no use for, refused by name.

Sockets, threads, signals and child processes act in real time; waiting for them would break
repeatability.
"""

import asyncio
from typing import Any, NoReturn


def _refuse(name: str) -> Any:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise NotImplementedError(
            f"{name} needs real time; SimLoop runs in virtual time (use the wall clock instead)"
        )

    return refuse


class VirtualTimeOnly(asyncio.AbstractEventLoop):
    """The part of asyncio's loop interface that ``SimLoop`` refuses."""

    add_reader = remove_reader = _refuse("watching a file descriptor")
    add_writer = remove_writer = _refuse("watching a file descriptor")
    add_signal_handler = remove_signal_handler = _refuse("a signal handler")
    run_in_executor = set_default_executor = _refuse("an executor thread")
    getaddrinfo = getnameinfo = _refuse("name resolution")
    create_connection = create_server = connect_accepted_socket = _refuse("a socket")
    create_datagram_endpoint = create_unix_connection = create_unix_server = _refuse("a socket")
    sock_accept = sock_connect = sock_recv = sock_recv_into = sock_recvfrom = _refuse("a socket")
    sock_recvfrom_into = sock_sendall = sock_sendfile = sock_sendto = _refuse("a socket")
    sendfile = start_tls = _refuse("a socket")
    connect_read_pipe = connect_write_pipe = _refuse("a pipe")
    subprocess_exec = subprocess_shell = _refuse("a child process")
