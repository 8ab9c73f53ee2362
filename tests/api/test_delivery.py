"""One answer as audio, as a zip with subtitles, as JSON: whatever was asked for, it is the same answer."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api.audio.subtitles import Cue
from api.bodies import Bodies
from api.delivery import deliver, wants_json
from api.synthesis import Rendered

HEADERS = {"X-Seed": "5", "X-Sample-Rate": "8000", "X-Language": "hu, hu", "X-Audio-Duration": "1.500"}
CUES = [Cue(0.0, 0.5, "Ki írta?", 0), Cue(1.0, 1.5, "Nem tudom.", 1)]


def request(accept: str | None = None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers})


def rendered(kind: Any = None) -> Rendered:
    return Rendered(b"audio", "mulaw", "audio/PCMU;rate=8000", HEADERS, CUES, kind)


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("application/json, text/plain, */*", False),  # axios
        ("audio/mpeg, application/json", False),
        ("application/octet-stream", False),
    ],
)
def test_json_is_for_who_accepts_no_audio(accept: str | None, wants: bool) -> None:
    assert wants_json(request(accept)) is wants


def test_audio_alone() -> None:
    answer = deliver(rendered(), request("*/*"))
    assert (answer.body, answer.headers["content-type"], answer.headers["x-seed"]) == (
        b"audio",
        "audio/PCMU;rate=8000",
        "5",
    )


def test_a_zip_with_subtitles() -> None:
    answer = deliver(rendered("srt"), request())
    assert (answer.headers["content-type"], answer.headers["x-seed"]) == ("application/zip", "5")
    archive = zipfile.ZipFile(io.BytesIO(bytes(answer.body)))
    assert archive.namelist() == ["audio.mulaw", "audio.srt"]
    assert archive.read("audio.mulaw") == b"audio"
    assert "00:00:01,000 --> 00:00:01,500\nNem tudom.\n" in archive.read("audio.srt").decode()


@pytest.mark.parametrize("kind", [None, "vtt"])
def test_json(kind: str | None) -> None:
    answer = json.loads(bytes(deliver(rendered(kind), request("application/json")).body))
    assert base64.b64decode(answer.pop("audio")) == b"audio"
    written = answer.pop("subtitles", None)
    assert (written is None) is (kind is None)
    assert answer == {
        "format": "mulaw",
        "sample_rate": 8000,
        "duration": 1.5,
        "seed": 5,
        "language": "hu, hu",
        "segments": [
            {"start": 0.0, "end": 0.5, "text": "Ki írta?", "segment": 0},
            {"start": 1.0, "end": 1.5, "text": "Nem tudom.", "segment": 1},
        ],
    }


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"length": request.headers["content-length"] == str(len(body)), "body": body.decode()})


@pytest.mark.parametrize(
    ("path", "body", "there"),
    [
        ("/generate/simple?subtitles=srt", '{"text": "a"}', {"text": "a", "subtitles": "srt"}),
        ("/generate/simple?subtitles=srt", '{"text": "a", "subtitles": "vtt"}', {"text": "a", "subtitles": "vtt"}),
        ("/generate/simple", '{"text": "a"}', {"text": "a"}),
        ("/generate/long/submit?subtitles=vtt", '{"samples": []}', {"samples": [], "defaults": {"subtitles": "vtt"}}),
        (
            "/generate/long?subtitles=vtt",
            '{"samples": [], "defaults": {"seed": 1}}',
            {"samples": [], "defaults": {"seed": 1, "subtitles": "vtt"}},
        ),
        ("/generate/long?subtitles=vtt", '{"defaults": 3}', {"defaults": 3}),
        ("/generate/simple?subtitles=vtt", "[1]", [1]),
        ("/other?subtitles=vtt", "{}", {}),
    ],
)
def test_subtitles_in_the_address(path: str, body: str, there: Any) -> None:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["POST"])])
    client = TestClient(Bodies(app, uploads=(), speech="/generate/", long="/generate/long"))
    answer = client.post(path, content=body).json()
    assert answer["length"]
    assert json.loads(answer["body"]) == there
