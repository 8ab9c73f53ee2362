"""WebSockets: whoever is on the other side, they end; and until then the application decides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bentoml_patches import connections
from bentoml_patches.connections import Connection
from bentoml_patches.sockets import LARGEST, Socket
from tests.bentoml_patches.server import free_port

MOST = 2
LARGE = 2**24  # bytes: more than the system holds


class Quick(Socket):
    linger = 0.3

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.ping_interval = self.ping_timeout = 0.2


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


async def pour(socket: WebSocket) -> None:
    """More than a client takes that does not read; then it closes."""
    await socket.accept()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await socket.send_bytes(bytes(LARGE))
            await socket.send_bytes(bytes(LARGE))


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch, ws: type[Socket]) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    monkeypatch.setattr(connections, "most_connections", lambda: MOST)
    app = Starlette(routes=[WebSocketRoute("/echo", echo), WebSocketRoute("/pour", pour)])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, http=Connection, ws=ws, log_config=None))
    running = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield server, f"ws://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        await running


async def echoes(socket: ClientConnection, text: str) -> bool:
    await socket.send(text)
    return await socket.recv() == text


async def test_the_application_closes_it_when_the_server_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, Socket) as (server, url), connect(f"{url}/echo") as socket:
        assert await echoes(socket, "one")
        server.should_exit = True
        await asyncio.sleep(0.5)  # uvicorn looks every tenth of a second
        assert await echoes(socket, "two")


async def test_audio_is_not_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, Socket) as (_, url), connect(f"{url}/echo") as socket:
        assert not socket.protocol.extensions


async def test_a_message_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, Socket) as (_, url), connect(f"{url}/echo", max_size=None) as socket:
        assert await echoes(socket, "a" * LARGEST)
        with pytest.raises(ConnectionClosed) as closed:
            await echoes(socket, "a" * (LARGEST + 1))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, Socket) as (_, url), connect(f"{url}/echo") as one, connect(f"{url}/echo") as two:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/echo")
        assert refused.value.response.status_code == 503
        assert await echoes(one, "one")
        assert await echoes(two, "two")


@pytest.mark.parametrize("path", ["/pour", "/echo"])
async def test_a_client_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """After the application's end, and where it does not answer the ping."""
    async with serving(monkeypatch, Quick) as (server, url):
        host, port = url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{head}dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        await reader.readline()
        assert server.server_state.connections
        async with asyncio.timeout(10):
            while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        writer.close()
