"""What SIGTERM does to the public port: requests in flight finish, new connections are refused at once.

uvicorn only stops accepting. The supervisor holds the listening socket too, so the system would go on queueing
connections that nobody will ever answer. Knows nothing of requests.
"""

import asyncio
import os
import signal
import socket
from types import FrameType

import psutil

SERVER_STOPS_ACCEPTING = 0.5  # seconds; uvicorn looks every tenth of one, and cannot bear that they close before


def refuse_connections_on_sigterm() -> asyncio.Event:
    """Set at SIGTERM, for who never would end by itself.

    To be called in the event loop, once the server listens and has set its own handler, which is kept.
    """
    ending = asyncio.Event()
    listeners = _listeners()
    loop = asyncio.get_running_loop()
    handle = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        if listeners:  # it is the first SIGTERM
            loop.call_later(SERVER_STOPS_ACCEPTING, _close, listeners.copy())
            loop.call_soon_threadsafe(ending.set)
            listeners.clear()
        if callable(handle):
            handle(number, frame)

    signal.signal(signal.SIGTERM, stop)
    return ending


def _listeners() -> list[socket.socket]:
    """Our own handles on what this process listens on: the server closes its handles as it stops."""
    connections = psutil.Process().net_connections("tcp")
    return [
        socket.socket(fileno=os.dup(connection.fd))
        for connection in connections
        if connection.status == psutil.CONN_LISTEN
    ]


def _close(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)  # of the socket itself, for every process that holds it
        listener.close()
