"""The supervisor's process manager (circus): commands only from the server's own user, and a port that is taken is one
line of text.
"""

import socket
from typing import Any

from bentoml._internal.utils import circus

from bentoml_patches.run_folder import run_folder


class PortTaken(SystemExit):
    """Start-up cannot go on."""


def create_arbiter(watchers: list[Any], *, threaded: bool = False, **kwargs: Any) -> circus.Arbiter:
    """In place of BentoML's `create_standalone_arbiter`. Raises PortTaken."""
    for listener in kwargs["sockets"]:
        if not listener.is_unix:
            _check_port(listener)
    arbiter = circus.ThreadedArbiter if threaded else circus.Arbiter
    return arbiter(
        watchers,
        endpoint=f"ipc://{run_folder()}/control",
        pubsub_endpoint=f"ipc://{run_folder()}/events",
        check_delay=10,  # seconds, as BentoML has it
        **kwargs,
    )


def _check_port(listener: Any) -> None:
    with socket.socket(listener.family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            where = f"Port {listener.port} of {listener.host}"
            message = f"{where} cannot be used ({error.strerror}). Choose another one: make serve PORT=8080"
            raise PortTaken(message) from None
