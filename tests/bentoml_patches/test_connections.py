"""Whatever half-open connections there are, the server answers; steady senders are not cut off."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bentoml_patches import connections
from bentoml_patches.connections import Connection, Wait
from tests.bentoml_patches.server import TinyServer, free_port

HEAD = b"POST /length HTTP/1.1\r\nHost: x\r\n"
PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
MOST = 4
LARGE = 2**24  # bytes: more than the system holds


class Quick(Connection):
    seconds = {Wait.HEAD: 0.6, Wait.BODY: 0.6, Wait.READER: 0.6}  # noqa: RUF012


async def length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def large(request: Request) -> Response:
    return Response(bytes(LARGE))


async def endless(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    return StreamingResponse(parts())


async def livez(request: Request) -> Response:
    return PlainTextResponse("alive")


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "most_connections", lambda: MOST)
    routes = [
        Route("/length", length, methods=["POST"]),
        Route("/large", large),
        Route("/endless", endless),
        Route("/livez", livez),
    ]
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, http=Quick, log_config=None))
    running = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        await running


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, data: bytes = b"") -> "Client":
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        client.writer.write(data)
        return client

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def begun(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readline()


async def test_who_sends_no_head_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        silent, begun, again = [await Client.open(port, sent) for sent in (b"", HEAD, PROBE + PROBE[:20])]
        assert await silent.rest() == b""
        assert b"408 Request Timeout" in await begun.rest()
        answers = await again.rest()
        assert answers.index(b"200 OK") < answers.index(b"408 Request Timeout")


async def test_a_head_has_its_time_once_however_it_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        client = await Client.open(port)
        answer = asyncio.ensure_future(client.rest())
        for _ in range(20):
            client.writer.write(b"G")
            await asyncio.sleep(0.1)
        assert answer.done()
        assert b"408 Request Timeout" in answer.result()


async def test_who_stops_in_the_middle_of_a_body_is_told_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        answer = await (await Client.open(port, HEAD + b"Content-Length: 10\r\n\r\nabc")).rest()
        assert b"408 Request Timeout" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request"


async def test_a_slow_but_steady_upload_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        client = await Client.open(port, HEAD + b"Connection: close\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.2)
            client.writer.write(b"x")
        assert (await client.rest()).endswith(b"10")


@pytest.mark.parametrize("keep", [b"close", b"keep-alive"])
async def test_who_does_not_read_its_answer_is_closed(monkeypatch: pytest.MonkeyPatch, keep: bytes) -> None:
    head = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: " + keep + b"\r\n\r\n"
    async with serving(monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**10)
        writer.write(head)
        await asyncio.sleep(2)
        with pytest.raises((ConnectionError, AssertionError)):
            assert len(await Client(reader, writer).rest()) > LARGE


async def test_a_slow_but_steady_reader_has_all_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**10)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        read = 0
        while part := await reader.read(2**20):
            if read < 8 * 2**20 < read + len(part):
                await asyncio.sleep(0.3)
            read += len(part)
        assert read > LARGE


async def test_half_open_connections_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        waiting = [await Client.open(port, HEAD) for _ in range(5 * MOST)]
        client = await Client.open(port, HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\nx")
        assert (await client.rest()).endswith(b"1")
        assert await waiting[0].rest() == b""


async def test_a_burst_of_connections_makes_room_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        burst = [socket.create_connection(("127.0.0.1", port)) for _ in range(10 * MOST)]  # before the loop goes on
        await asyncio.sleep(0.2)  # less than a head may take
        for each in burst:
            each.setblocking(False)
        assert sum(still_open(each) for each in burst) <= MOST
        for each in burst:
            each.close()


def still_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


async def test_when_all_are_busy_probes_still_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        busy = [await Client.open(port, b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(MOST)]
        assert {await client.begun() for client in busy} == {b"HTTP/1.1 200 OK\r\n"}
        probe = await Client.open(port, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await probe.rest()).endswith(b"alive")
        other = await Client.open(port, HEAD + b"Content-Length: 1\r\n\r\nx")
        assert (await other.rest()).startswith(b"HTTP/1.1 503")
        for client in busy:
            client.writer.transport.abort()


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + PROBE,
        b"\x00\x01 nonsense\r\n\r\n",
    ],
)
async def test_what_is_no_clear_request_is_refused_and_nothing_after_it_answered(tiny: TinyServer, data: bytes) -> None:
    answer = await (await Client.open(tiny.port, data)).rest()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    assert answer.count(b"HTTP/1.1") == 1
    assert json.loads(body)["error"]["type"] == "invalid_request"
