"""A small real HTTP server that keeps the API's contract with silence for audio. Also a program: `--port N`.

What a sample gets is told by its text: "!busy" is refused with 429 at first, "!loading" with 503, "!slow"
takes 5 s, "!wrong" is refused for good, "!crash" breaks the connection, "!die" ends the whole process,
"!html" is answered by something else.
"""

import argparse
import asyncio
import hashlib
import io
import itertools
import json
import os
import threading
import time
import wave
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

RATE = 24000
CHARACTERS_A_SECOND = 15
COMMON = {
    "language", "voice", "style", "output_format", "subtitles", "speed", "seed",
    "temperature", "top_k", "top_p", "repetition_penalty", "trim_silence",
}  # fmt: skip
SEGMENT = {"text", "pause_after", "language", "voice", "style", "speed", "seed"}


@dataclass
class FakeServer:
    """`seen` holds every request that came, in order; `slowness` is how many seconds each answer takes."""

    loading_answers: int = 0  # /health says so many times that the model is loading
    refusals: int = 2  # "!busy" and "!loading" are refused so often before they are heard
    retry_after: str | None = "0"
    slowness: float = 0.0
    key: str | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    at_once: int = 0  # the most requests that were in work together
    _working: int = 0
    _seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/voices", self._voices),
                Route("/generate/simple", self._simple, methods=["POST"]),
                Route("/generate/segmented", self._segmented, methods=["POST"]),
            ]
        )

    def texts(self) -> list[str]:
        return [body.get("text") or body["segments"][0]["text"] for body in self.seen]

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serves from a thread of this process; gives the URL."""
        server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

    async def _health(self, request: Request) -> Response:
        if self.loading_answers:
            self.loading_answers -= 1
            return JSONResponse({"status": "loading", "model_loaded": False}, 503)
        return JSONResponse({"status": "ok", "model_loaded": True, "languages": ["en", "hu", "zh-cn"]})

    async def _voices(self, request: Request) -> Response:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "unauthorized", "no such key")
        styles = {name: {} for name in ("neutral", "excitement", "question")}
        return JSONResponse({"voices": [{"name": "default", "styles": styles}, {"name": "Ana", "styles": {}}]})

    async def _simple(self, request: Request) -> Response:
        body = await request.json()
        if body.keys() - COMMON - {"text"} or not isinstance(body.get("text"), str):
            return _error(422, "invalid_request", "not the fields of a simple request")
        return await self._answer(request, body, [body])

    async def _segmented(self, request: Request) -> Response:
        body = await request.json()
        strangers = [segment.keys() - SEGMENT for segment in body.get("segments", [])]
        if body.keys() - COMMON - {"segments"} or any(strangers) or not strangers:
            return _error(422, "invalid_request", "not the fields of a segmented request")
        return await self._answer(request, body, body["segments"])

    async def _answer(self, request: Request, body: dict[str, Any], parts: list[dict[str, Any]]) -> Response:
        self.seen.append(body)
        self.keys.append(request.headers.get("Authorization"))
        self._working += 1
        self.at_once = max(self.at_once, self._working)
        try:
            return await self._treat(body, parts)
        finally:
            self._working -= 1

    async def _treat(self, body: dict[str, Any], parts: list[dict[str, Any]]) -> Response:
        text = parts[0]["text"]
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        heard = self.texts().count(text)
        if self.key is not None and self.keys[-1] != f"Bearer {self.key}":
            return _error(401, "unauthorized", "no such key")
        if "!busy" in text and heard <= self.refusals:
            return _error(429, "overloaded", "the queue is full", headers=headers)
        if "!loading" in text and heard <= self.refusals:
            return _error(503, "loading", "the model is not there yet", headers=headers)
        if "!wrong" in text:
            return _error(404, "unknown_voice", "no voice 'nobody';\nsee GET /voices", param="voice")
        if "!html" in text:
            return PlainTextResponse("<h1>It works!</h1>")
        if "!crash" in text:
            return StreamingResponse(_broken(), headers={"Content-Length": "1000"})
        if "!die" in text:
            os._exit(7)
        await asyncio.sleep(5.0 if "!slow" in text else self.slowness)
        return self._speech(body, parts)

    def _speech(self, body: dict[str, Any], parts: list[dict[str, Any]]) -> Response:
        seed = body["seed"] if "seed" in body else next(self._seeds)
        spans, at = [], 0.0
        for part in parts:
            end = at + len(part["text"]) / CHARACTERS_A_SECOND
            spans.append([at, end])
            at = end + part.get("pause_after", 0.0)
        headers = {"X-Seed": str(seed), "X-Audio-Duration": f"{at:.6f}", "X-Sample-Rate": str(RATE)}
        headers["X-Language"] = ", ".join("hu" for _ in parts)
        if "segments" in body:
            headers["X-Segments"] = json.dumps(spans, separators=(",", ":"))
        audio = sound(body, seed, at)
        if "subtitles" not in body:
            return Response(audio, headers=headers, media_type="audio/wav")
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("audio.wav", audio)
            archive.writestr(f"audio.{body['subtitles']}", "WEBVTT")
        return Response(file.getvalue(), headers=headers, media_type="application/zip")


def sound(body: dict[str, Any], seed: int, seconds: float) -> bytes:
    """A WAV of that length whose first samples tell one request and seed from all others."""
    mark = hashlib.sha256(json.dumps([body, seed], sort_keys=True).encode()).digest()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(mark + bytes(2 * max(0, round(seconds * RATE) - len(mark) // 2)))
    return file.getvalue()


def _error(
    status: int, kind: str, message: str, *, param: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message, "param": param}}, status, headers)


async def _broken() -> Any:
    """Fewer bytes than the header promised: the connection is closed in the middle."""
    yield b"RIFF"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loading", type=int, default=0)
    parser.add_argument("--slowness", type=float, default=0.0)
    options = parser.parse_args()
    print(f"the fake server speaks on port {options.port}", flush=True)
    server = FakeServer(loading_answers=options.loading, slowness=options.slowness)
    uvicorn.run(server.app, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
