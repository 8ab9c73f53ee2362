"""A request's timer ends with it, and one that goes off answers: in the application that BentoML builds."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from unittest.mock import patch

import bentoml
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bentoml_patches.install import install

ended: list[str] = []


async def at_once(request: Request) -> Response:
    return PlainTextResponse("done")


async def never(request: Request) -> Response:
    try:
        await asyncio.Future()
    finally:
        ended.append("never")
    raise AssertionError


async def late_answer(request: Request) -> Response:
    try:
        await asyncio.Future()
    except asyncio.CancelledError:
        return PlainTextResponse("all the same")
    raise AssertionError


async def slow_stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x"
            await asyncio.sleep(0.1)

    return StreamingResponse(parts())


ROUTES = {"/once": at_once, "/never": never, "/stream": slow_stream, "/late-answer": late_answer}


@asynccontextmanager
async def client(seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    with patch.dict(os.environ):  # servers that other tests start inherit what is left there
        install()
    mounted = Starlette(routes=[Route(path, answer) for path, answer in ROUTES.items()])

    @bentoml.asgi_app(mounted)
    @bentoml.service(name="Timed", traffic={"timeout": seconds}, metrics={"enabled": False})
    class Timed:
        pass

    service = cast(Any, Timed)
    service.inject_config()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.to_asgi()), base_url="http://test") as http:
        yield http


async def test_no_timer_outlives_its_request() -> None:
    loop = cast(Any, asyncio.get_running_loop())
    async with client(24 * 3600) as http:
        for _ in range(20):
            assert (await http.get("/once")).text == "done"
    assert not [timer for timer in loop._scheduled if not timer.cancelled() and timer.when() > loop.time() + 3600]


async def test_what_takes_too_long_is_cancelled_and_answered() -> None:
    ended.clear()
    async with client(0.2) as http:
        answer = await http.get("/never")
    error = {"type": "deadline_exceeded", "message": "Not done within 0.2 s.", "param": None}
    assert (answer.status_code, answer.json()) == (504, {"error": error})
    assert ended == ["never"]


async def test_an_answer_that_comes_while_it_is_cancelled_is_the_answer() -> None:
    async with client(0.2) as http:
        assert (await http.get("/late-answer")).text == "all the same"


async def test_an_answer_that_has_begun_may_take_longer() -> None:
    async with client(0.2) as http:
        assert (await http.get("/stream")).text == "xxxx"
