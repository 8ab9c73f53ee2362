"""Whatever is asked and however it ends: one line, one count, few labels, and an id on the answer."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from _bentoml_impl.server.mount import PassiveMount
from fastapi import APIRouter, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from api.error_bodies import ErrorBodies
from api.error_responses import answer
from api.observe.access import METHODS, OTHER, Access
from api.observe.metrics import ServiceMetrics
from api.observe.record import record
from runners.errors import Overloaded
from runners.types import Utterance, Voice

TEMPLATES = {"/say", "/stream", "/cut", "/broken", "/refused", "/voices/{name}", "/files", OTHER}


class Site:
    """A server of routes like ours, and what was logged and counted of its requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.lines: list[dict[str, Any]] = []
        mounted, router = FastAPI(), APIRouter()
        router.get("/voices/{name}")(lambda name: name)
        router.delete("/voices/{name}")(lambda name: name)
        mounted.include_router(router)
        self.app = Starlette(
            routes=[
                Route("/say", self.say, methods=["POST"]),
                Route("/stream", self.stream),
                Route("/cut", self.cut),
                Route("/broken", self.broken),
                Route("/refused", self.refused),
                WebSocketRoute("/talk/{name}", self.talk),
                Mount("/files", StaticFiles(packages=[("bentoml", "_internal/server/static_content")])),
                PassiveMount("/", mounted),
            ],
            middleware=[Middleware(Access, metrics=ServiceMetrics(self.registry)), Middleware(ErrorBodies)],
        )

    async def say(self, request: Request) -> Response:
        record().asked([Utterance(await request.json(), "hu", Voice(()), 1)])
        record().voices["anna"] = None
        await asyncio.sleep(0.05)
        record().arrived(1.5)
        await asyncio.sleep(0.1)
        record().arrived(0.5)
        return PlainTextResponse("sound")

    async def stream(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(4):
                await asyncio.sleep(0.05)
                yield b"12345"

        return StreamingResponse(parts())

    async def cut(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"1"
            raise RuntimeError("no more")

        return StreamingResponse(parts())

    async def broken(self, request: Request) -> Response:
        raise RuntimeError("broken")

    async def refused(self, request: Request) -> Response:
        return answer(Overloaded("busy", retry_after=3))

    async def talk(self, socket: WebSocket) -> None:
        await socket.accept()
        record().caller = socket.path_params["name"]
        await socket.send_text("árvíz")
        if await socket.receive_text() == "no more":
            await socket.close()
        else:
            await socket.receive()

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, f"http://test{path}", **more)

    def counts(self) -> dict[tuple[str, str, str], float]:
        """By method, route and outcome."""
        samples = [each for metric in self.registry.collect() for each in metric.samples]
        return {
            (each.labels["method"], each.labels["route"], each.labels["outcome"]): each.value
            for each in samples
            if each.name == "xtts_requests_total"
        }


class Lines(logging.Handler):
    """Collects what is logged."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, line: logging.LogRecord) -> None:
        self._lines.append({"message": line.getMessage(), **line.fields})  # type: ignore[attr-defined]


@pytest.fixture
def site() -> Iterator[Site]:
    made, log = Site(), logging.getLogger("api.observe.access")
    lines, level = Lines(made.lines), log.level
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    yield made
    log.removeHandler(lines)
    log.setLevel(level)


async def test_a_request_is_told_with_all_that_is_known_but_its_text(site: Site) -> None:
    response = await site.ask("POST", "/say?a=Titok", json="Titkos")
    (line,) = site.lines
    assert line["message"] == "POST /say"
    assert "Tit" not in json.dumps(line)
    assert (line["status"], line["outcome"], line["bytes"]) == (200, "ok", len(response.content))
    assert (line["characters"], line["language"], line["voice"], line["audio_seconds"]) == (6, "hu", "anna", 2.0)
    assert 0.04 <= line["first_audio_seconds"] <= line["seconds"] - 0.08
    assert site.counts() == {("POST", "/say", "ok"): 1}


async def test_a_stream_is_over_with_its_last_byte(site: Site) -> None:
    await site.ask("GET", "/stream")
    (line,) = site.lines
    assert line["bytes"] == 20
    assert line["seconds"] >= 0.2
    assert site.registry.get_sample_value("xtts_requests_in_progress") == 0


async def test_a_stream_whose_client_leaves(site: Site) -> None:
    heard = asyncio.Event()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not sent:
            sent.append({})
            return {"type": "http.request", "body": b"", "more_body": False}
        await heard.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            heard.set()

    scope = {"type": "http", "method": "GET", "path": "/stream", "headers": [], "query_string": b"", "root_path": ""}
    await site.app({**scope, "asgi": {"spec_version": "2.3"}}, receive, send)
    (line,) = site.lines
    assert (line["outcome"], line["bytes"]) == ("client_closed_request", 5)
    assert site.counts() == {("GET", "/stream", "client_closed_request"): 1}


@pytest.mark.parametrize(
    ("code", "outcome"), [(None, "ok"), (1000, "ok"), (1001, "ok"), (1006, "client_closed_request")]
)
def test_a_websocket_is_over_when_it_closes(site: Site, code: int | None, outcome: str) -> None:
    with TestClient(site.app).websocket_connect("/talk/anna", headers={"X-Request-ID": "mine-1"}) as socket:
        assert socket.receive_text() == "árvíz"
        assert site.counts() == {}
        socket.send_text("no more" if code is None else "more")
        if code is not None:
            socket.close(code)
    (line,) = site.lines
    assert (line["message"], line["status"], line["outcome"]) == ("WEBSOCKET /talk/{name}", 101, outcome)
    assert (line["bytes"], line["caller"]) == (len("árvíz".encode()), "anna")
    assert dict(socket.extra_headers)[b"x-request-id"] == b"mine-1"
    assert site.counts() == {("WEBSOCKET", "/talk/{name}", outcome): 1}
    assert site.registry.get_sample_value("xtts_requests_in_progress") == 0


def test_a_websocket_that_there_is_not(site: Site) -> None:
    with pytest.raises(WebSocketDenialResponse), TestClient(site.app).websocket_connect("/nowhere"):
        pass
    assert site.counts() == {("WEBSOCKET", OTHER, "unauthorized"): 1}


@pytest.mark.parametrize(
    ("method", "path", "route", "outcome"),
    [
        ("GET", "/refused", "/refused", "overloaded"),
        ("GET", "/broken", "/broken", "internal_error"),
        ("GET", "/say", "/say", "method_not_allowed"),
        ("GET", "/nowhere", OTHER, "not_found"),
        ("GET", "/voices/anna", "/voices/{name}", "ok"),
        ("DELETE", "/voices/anna", "/voices/{name}", "ok"),
        ("GET", "/files/swagger-ui.css", "/files", "ok"),
        ("GET", "/files/nothing", "/files", "not_found"),
        ("SCAN", "/nowhere", OTHER, "not_found"),
    ],
)
async def test_outcomes(site: Site, method: str, path: str, route: str, outcome: str) -> None:
    await site.ask(method, path)
    assert site.counts() == {(method if method in METHODS else OTHER, route, outcome): 1}
    assert [line["outcome"] for line in site.lines] == [outcome]


async def test_a_stream_that_breaks_off(site: Site) -> None:
    with pytest.raises(AssertionError):  # httpx has no end of the body
        await site.ask("GET", "/cut")
    assert site.counts() == {("GET", "/cut", "internal_error"): 1}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "PUT", "X", "get"]),
            st.sampled_from(["/voices/", "/voices/a/", "/", "/say", "/files/", "//"]),
            st.text("abcdef/%{}.", max_size=12),
        ),
        min_size=1,
        max_size=10,
    )
)
@settings(max_examples=30, deadline=None)
def test_labels_are_few_whatever_is_asked(asked: list[tuple[str, str, str]]) -> None:
    site = Site()

    async def ask() -> None:
        for method, path, more in asked:
            await site.ask(method, path + more.replace("%", "%25"))

    asyncio.run(ask())
    for method, route, outcome in site.counts():
        assert method in METHODS | {OTHER}
        assert route in TEMPLATES
        assert outcome in {"ok", "not_found", "method_not_allowed", "internal_error", "invalid_request"}


async def test_every_answer_bears_the_id(site: Site) -> None:
    for path in ("/say", "/nowhere", "/broken", "/refused", "/stream"):
        kept = await site.ask("GET", path, headers={"X-Request-ID": "mine-7"})
        assert kept.headers.get_list("x-request-id") == ["mine-7"]
    for unfit in ("a b", "x" * 200, ""):
        answers = [await site.ask("GET", "/voices/a", headers={"X-Request-ID": unfit}) for _ in range(2)]
        named = {response.headers["x-request-id"] for response in answers}
        assert len(named) == 2
        assert unfit not in named
