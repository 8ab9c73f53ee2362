"""A request's timer ends with it, and one that goes off answers."""

import asyncio
from typing import cast

import httpx
from bentoml._internal.server.http import traffic
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from runners.timeouts import Timeout
from runners.xtts_runner import XTTSRunner


async def at_once(request: Request) -> PlainTextResponse:
    return PlainTextResponse("done")


async def never(request: Request) -> PlainTextResponse:
    try:
        await asyncio.Future()
    finally:
        request.app.state.ended = True
    raise AssertionError


async def last_words(request: Request) -> PlainTextResponse:
    try:
        await asyncio.Future()
    except asyncio.CancelledError:
        return PlainTextResponse("all the same")
    raise AssertionError


async def slow_stream(request: Request) -> StreamingResponse:
    async def parts():
        for _ in range(4):
            yield b"x"
            await asyncio.sleep(0.1)

    return StreamingResponse(parts())


def client(timeout: float) -> httpx.AsyncClient:
    routes = {"/": at_once, "/never": never, "/stream": slow_stream, "/last-words": last_words}
    app = Starlette(routes=[Route(path, answer) for path, answer in routes.items()])
    return httpx.AsyncClient(transport=httpx.ASGITransport(Timeout(app, timeout)), base_url="http://test")


async def test_no_timer_stays() -> None:
    loop = cast(asyncio.BaseEventLoop, asyncio.get_running_loop())
    async with client(24 * 3600) as http:
        for _ in range(1000):
            assert (await http.get("/")).text == "done"
            await asyncio.sleep(0)
    assert len(loop._scheduled) < 300  # the loop forgets cancelled ones by the hundred


async def test_what_takes_too_long_is_cancelled_and_answered() -> None:
    async with client(0.05) as http:
        answer = await http.get("/never")
    error = {"type": "deadline_exceeded", "message": "Not done within 0.05 s.", "param": None}
    assert (answer.status_code, answer.json()) == (504, {"error": error})
    assert cast(Timeout, http._transport.app).app.state.ended


async def test_an_answer_that_comes_while_it_is_cancelled_is_the_answer() -> None:
    async with client(0.05) as http:
        assert (await http.get("/last-words")).text == "all the same"


async def test_an_answer_that_has_begun_may_take_longer() -> None:
    async with client(0.2) as http:
        assert (await http.get("/stream")).text == "xxxx"


def test_bentoml_takes_ours() -> None:
    assert XTTSRunner is not None
    assert traffic.TimeoutMiddleware is Timeout
