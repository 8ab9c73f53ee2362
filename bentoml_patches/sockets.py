"""WebSockets: they end by what the application says, and none outlives it for long.

uvicorn closes them in the middle of a sentence when the server is to end, takes messages of 16 MiB, and lets a client
that takes nothing keep its connection, and so the server, for ever.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.wsproto_impl import WebsocketBuffer, WSProtocol

from bentoml_patches.connections import Connection, Wait

LARGEST: Final = 2**20  # bytes in a message


class Socket(WSProtocol):
    linger = 15.0  # seconds to read the rest, once the application is done

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.ws_per_message_deflate = False  # audio does not get smaller
        self.buffer = WebsocketBuffer(LARGEST)
        self.ping_timeout = Connection.seconds[Wait.READER]  # who reads slowly sees the ping late

    def shutdown(self) -> None:
        """The application has been told by its own means (draining.py), and closes what it has accepted."""
        if self.close_sent or not self.handshake_complete:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # what is not read yet never will be

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(self.linger, self.transport.abort)
