"""Open connections: how long one may wait for a request, how many there may be, and what is refused unread.

uvicorn waits for ever for a request's head and for the rest of its body, and its bound on connections is for probes
too.
"""

import asyncio
import contextlib
import json
import resource
from enum import Enum
from typing import Any, Final

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

FEWEST: Final = 32  # connections that are let in whatever the limit of descriptors is
MOST: Final = 4096
ROOM: Final = 16  # more, for probes
CROWDED: Final = "Too many connections are open. Try again later."
PROBES: Final = frozenset(("/livez", "/readyz", "/healthz", "/health"))


class Wait(Enum):
    """What the server waits for."""

    HEAD = "a request's head"
    BODY = "the next part of its body"
    READER = "its answer to be read"


def raise_descriptor_limit() -> None:
    """The soft limit becomes the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int:
    """How many are let in: a request also takes descriptors for the runner, files and decoders."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(FEWEST, min(MOST, soft // 4))


class Connection(H11Protocol):
    seconds: dict[Wait, float] = {  # noqa: RUF012
        Wait.HEAD: 20.0,  # from the connection's start, or the last answer's end, to the head's last byte
        Wait.BODY: 30.0,  # for the next part, however small
        Wait.READER: 300.0,  # for the next part, too; what is not read is held in memory
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most = most_connections()
        self._waits_for: Wait | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread = 0  # bytes of whole answers, when the timer began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        public = not isinstance(transport.get_extra_info("sockname"), str)  # a dependency's callers have been let in
        crowded = public and len(self.connections) > self.most and not self._make_room()
        self.app = Guard(self.app, crowded)
        self._watch()

    def _make_room(self) -> bool:
        """Closes the connection that has sent nothing for longest, those without a request first."""
        waiting = [
            (each._waits_for is Wait.BODY, each._timer.when(), each.transport)
            for each in self.connections
            if isinstance(each, Connection) and each._timer and not each.transport.is_closing()
        ]
        if waiting:
            min(waiting, key=lambda each: each[:2])[2].abort()
        elif len(self.connections) > self.most + ROOM:
            self.transport.abort()
        return bool(waiting)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """What it becomes goes by no Guard."""
        if self.app.crowded:
            self._refuse(503, CROWDED)
        else:
            super().handle_websocket_upgrade(event)

    def _watch(self) -> None:
        waits_for = self._now_waits_for()
        if waits_for is self._waits_for is Wait.HEAD:
            return  # its time is for all of it
        if self._timer:
            self._timer.cancel()
        self._waits_for = waits_for
        self._unread = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(self.seconds[waits_for], self._end) if waits_for else None

    def _now_waits_for(self) -> Wait | None:
        unread = self.transport.get_write_buffer_size() > 0
        if self.transport.is_closing() and not unread:
            return None
        if self.transport.get_protocol() is not self:  # a WebSocket has its own
            return None
        if self.cycle is None or self.cycle.response_complete:
            return Wait.READER if unread else Wait.HEAD
        return Wait.BODY if self.cycle.more_body else None

    def _end(self) -> None:
        reads = self._waits_for is Wait.READER and self.transport.get_write_buffer_size() < self._unread
        if self.flow.read_paused or reads:  # it is the server that is slow, or the reader, but steady
            self._waits_for = None
            self._watch()
        elif self._waits_for is Wait.READER:
            self.transport.abort()
        elif self._waits_for is Wait.BODY or self.conn.trailing_data[0]:
            self._refuse(408, "The request was not sent in time.")
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _refuse(self, status: int, message: str) -> None:
        """Answers, where no answer has begun, and closes."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body, headers = _error(status, message)
            head = h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status])
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class Guard:
    """What is refused before a route or a key is looked at. The connection closes: what follows may be no request."""

    def __init__(self, app: ASGIApp, crowded: bool) -> None:
        self.app = app
        self.crowded = crowded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]}
        if {b"content-length", b"transfer-encoding"} <= names:  # two opinions of where this request ends
            await _answer(send, 400, "A request has either Content-Length or Transfer-Encoding.")
        elif self.crowded and scope["path"] not in PROBES:
            await _answer(send, 503, CROWDED)
        else:
            await self.app(scope, receive, send)


async def _answer(send: Send, status: int, message: str) -> None:
    body, headers = _error(status, message)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _error(status: int, message: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Our one error body, and its headers."""
    kind = "invalid_request" if status < 500 else "overloaded"
    body = json.dumps({"error": {"type": kind, "message": message, "param": None}}).encode()
    length = str(len(body)).encode()
    return body, [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
