"""A body is refused as soon as it is too large, and an upload is never held in memory."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.error_responses import answer
from api.errors import BodyTooLarge
from api.limits import BodyLimit

BODIES = {"/small": 100, "/upload": 1000, "/long": 500}


class Source:
    """A body of 50-byte chunks that knows how many were taken."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            self.taken += 50
            self.left -= 50
            yield b"x" * 50


class Sink:
    """An app that reads bodies chunk by chunk, and how much its source had given when it began."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.taken_at_start = -1
        self.app = BodyLimit(
            Starlette(routes=[Route(path, self.count, methods=["POST", "PUT"]) for path in BODIES]),
            limit=100,
            uploads={"/upload": 1000},
            larger={"/long": 500},
        )

    async def count(self, request: Request) -> Response:
        self.taken_at_start = self.source.taken
        try:
            return PlainTextResponse(str(sum([len(chunk) async for chunk in request.stream()])))
        except BodyTooLarge as error:
            return answer(error)


async def send(path: str, size: int, method: str = "POST") -> tuple[httpx.Response, Sink]:
    source = Source(size)
    sink = Sink(source)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sink.app), base_url="http://test") as client:
        return await client.request(method, path, content=source), sink


@pytest.mark.parametrize("path", BODIES)
async def test_up_to_the_limit_a_body_arrives(path: str) -> None:
    response, _ = await send(path, BODIES[path])
    assert (response.status_code, response.text) == (200, str(BODIES[path]))


@pytest.mark.parametrize("path", BODIES)
async def test_beyond_it_the_rest_is_never_read(path: str) -> None:
    response, sink = await send(path, 100_000)
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "body_too_large"
    assert str(BODIES[path]) in response.json()["error"]["message"]
    assert sink.source.taken == BODIES[path] + 50


async def test_an_upload_is_passed_on_as_it_comes() -> None:
    _, sink = await send("/upload", 1000)
    assert sink.taken_at_start == 0
    for path in ("/small", "/long"):
        _, sink = await send(path, BODIES[path])
        assert sink.taken_at_start == BODIES[path]


async def test_only_an_upload_may_be_larger() -> None:
    response, _ = await send("/upload", 1000, method="PUT")
    assert response.status_code == 413


@pytest.mark.parametrize(("path", "declared", "status"), [("/small", 101, 413), ("/upload", 1001, 413)])
async def test_a_declared_length_is_refused_unread(path: str, declared: int, status: int) -> None:
    sink = Sink(Source(0))
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"content-length", str(declared).encode())],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        pytest.fail("the body was read")

    async def collect(message: Any) -> None:
        sent.append(message)

    await sink.app(scope, receive, collect)
    assert sent[0]["status"] == status


async def test_a_client_that_leaves_before_its_body_is_whole_is_gone_and_no_more() -> None:
    parts = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(parts)

    async def collect(message: Any) -> None:
        sent.append(message)

    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("half a body was passed on")

    scope = {"type": "http", "method": "POST", "path": "/small", "headers": []}
    await BodyLimit(never, limit=100, uploads={}, larger={})(scope, receive, collect)
    assert sent[0]["status"] == 499
