"""The stream over real HTTP: equal to the file, early, patient, and gone when its client is."""

import asyncio
import io
import json
import socket
import subprocess
import time
from typing import Any
from urllib.parse import urlsplit

import bentoml
import httpx
import imageio_ffmpeg
import numpy as np
import pytest
from bentoml.exceptions import BentoMLException
from numpy.typing import NDArray

from tests.service.server import Server
from tests.service.test_errors import LONG, LONGEST, check, idle, until
from tests.service.test_generate import FORMATS, RATE, close

SIMPLE = {"text": "Jó napot kívánok! Kezdődjön a játék!", "seed": 11}
SEGMENTED = {
    "segments": [
        {"text": "Ki írta az Egri csillagokat?", "pause_after": 0.51237},
        {"text": LONG[:230], "pause_after": 0.2, "speed": 2},  # said in several pieces
        {"text": "Gárdonyi Géza.", "pause_after": 0.3, "seed": 4, "voice": "Demo High"},
    ],
    "seed": 3,
}
DELAYS = {"mp3": 1105, "aac": 1024}  # samples of silence before the sound
HEADER = {"wav": 44, "pcm": 0}


def decode(data: bytes, format: str) -> NDArray[np.float32]:
    if format in HEADER:
        return np.frombuffer(data[HEADER[format] :], "<i2").astype(np.float32) / 32767
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-f", "f32le", "-ar", str(RATE), "-"]
    return np.frombuffer(subprocess.run(command, input=data, capture_output=True, check=True).stdout, "<f4")


def same(one: bytes, other: bytes) -> bool:
    """Raw samples, but for rounding: windows are as long as the pace asks for."""
    return close(np.frombuffer(one, "<i2"), np.frombuffer(other, "<i2"))


def say(server: Server, route: str, body: dict[str, Any]) -> httpx.Response:
    with server.client() as client:
        response = client.post(f"/generate/{route}", json=body)
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize(
    ("route", "body", "format"),
    [
        *(("simple", SIMPLE, format) for format in FORMATS),
        ("segmented", SEGMENTED, "wav"),
        ("segmented", SEGMENTED, "mp3"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_stream_is_the_file(server: Server, route: str, body: dict[str, Any], format: str) -> None:
    live = say(server, "stream", {**body, "output_format": format})
    assert live.headers["transfer-encoding"] == "chunked"
    assert live.headers["content-type"] == FORMATS[format]
    whole = say(server, route, {**body, "output_format": "wav"})
    for name in ("x-seed", "x-sample-rate", "x-language"):
        assert live.headers[name] == whole.headers[name]

    expected, got = decode(whole.content, "wav"), decode(live.content, format)
    delay = DELAYS.get(format, 0)
    assert 0 <= len(got) - delay - len(expected) <= (2 * 1152 if delay else 0)
    got = got[delay : delay + len(expected)]
    if format in ("wav", "pcm", "flac"):
        assert close(np.rint(got * 32767).astype(np.int16), np.rint(expected * 32767).astype(np.int16))
    else:
        assert 10 * np.log10(np.sum(expected**2) / np.sum((expected - got) ** 2)) > 10


def test_bentomls_client_gets_the_chunks_as_they_come(server: Server) -> None:
    body = {**SIMPLE, "output_format": "pcm"}
    with bentoml.SyncHTTPClient(server.url, timeout=300) as client:
        chunks = list(client.stream(**body))
        assert len(chunks) > 1
        with pytest.raises(BentoMLException, match="nobody"):
            next(client.stream(text="a", voice="nobody"))
    assert same(b"".join(chunks), say(server, "simple", body).content)


async def test_bentomls_asynchronous_client_too(server: Server) -> None:
    body = {"segments": [{"text": "Egy."}, {"text": "Kettő."}], "seed": 1, "output_format": "pcm"}
    async with bentoml.AsyncHTTPClient(server.url, timeout=300) as client:
        chunks = [chunk async for chunk in client.stream(**body)]
    assert same(b"".join(chunks), say(server, "segmented", body).content)


def test_form_data_streams_too(server: Server) -> None:
    with server.client() as client:
        fields = {"segments": json.dumps([{"text": "1984"}]), "seed": "1", "output_format": "pcm"}
        live = client.post("/generate/stream", data=fields)
    whole = say(server, "segmented", {"segments": [{"text": "1984"}], "seed": 1, "output_format": "pcm"})
    assert same(live.content, whole.content)


def test_the_first_bytes_come_while_most_is_still_to_be_decoded(server: Server) -> None:
    """By the engine's own doing, not by the clock: at the first window it has a thirtieth of the codes."""
    with server.client() as client:
        for format in ("pcm", "mp3"):
            body = {"text": LONG[:190], "speed": 0.25, "output_format": format, "seed": 1}
            with client.stream("POST", "/generate/stream", json=body) as response:
                chunks = response.iter_raw()
                first = len(next(chunks))
                live = server.slots()["live"]
                rest = sum(map(len, chunks))
            assert live == 1
            assert first < rest / 10


@pytest.mark.parametrize(
    ("body", "status", "kind", "param"),
    [
        ({}, 422, "invalid_request", "text"),
        ({"text": "a", "segments": [{"text": "b"}]}, 422, "invalid_request", "text"),
        ({"segments": []}, 422, "invalid_request", "segments"),
        ({"segments": [{"text": "a", "sped": 1}]}, 422, "invalid_request", "segments.0.sped"),
        ({"text": "a", "output_format": "midi"}, 422, "invalid_request", "output_format"),
        ({"text": "ქართული"}, 422, "invalid_request", "text"),  # the runner refuses this one
        ({"segments": [{"text": "a"}, {"text": "ქართული"}]}, 422, "invalid_request", "segments.1.text"),
        ({"segments": [{"text": "a", "style": "angry"}]}, 422, "invalid_request", "segments.0.style"),
        ({"text": "a", "voice": "nobody"}, 404, "voice_not_found", "voice"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_before_the_first_byte(
    server: Server, body: dict[str, Any], status: int, kind: str, param: str
) -> None:
    with server.client() as client:
        assert check(client.post("/generate/stream", json=body), status, kind)["param"] == param


async def test_a_full_queue_answers_429(small_server: Server) -> None:
    async with httpx.AsyncClient(base_url=small_server.url, timeout=180) as client:
        busy = [asyncio.create_task(client.post("/generate/stream", json={"text": LONGEST})) for _ in range(3)]
        for _ in range(200):
            await asyncio.sleep(0.05)
            if small_server.slots()["waiting"] >= 2:
                break
        check(await client.post("/generate/stream", json={"text": "Hé!"}), 429, "overloaded")
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
    await idle(small_server)


async def test_a_deadline_that_passes_half_way_cuts_the_connection(small_server: Server) -> None:
    body = {"text": LONGEST, "output_format": "wav", "speed": 0.25}
    before = len(small_server.log.read_text())
    async with (
        httpx.AsyncClient(base_url=small_server.url, timeout=180) as client,
        client.stream("POST", "/generate/stream", json=body) as response,
    ):
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            async for _ in response.aiter_raw():
                pass
    await idle(small_server)
    log = small_server.log.read_text()[before:]
    assert "A stream was cut: deadline_exceeded" in log
    assert "Traceback" not in log


async def test_a_client_that_hangs_up_frees_its_slots(server: Server) -> None:
    await idle(server)
    async with httpx.AsyncClient(base_url=server.url, timeout=300) as client:
        body = {"text": LONG, "output_format": "pcm", "speed": 0.25}
        async with client.stream("POST", "/generate/stream", json=body) as response:
            await anext(response.aiter_raw())
            assert server.slots()["live"] > 0
    began = time.monotonic()
    await until(server, live=0, waiting=0)
    print(f"slots were free {time.monotonic() - began:.3f} s after the client had hung up")


def deaf(server: Server, body: dict[str, Any]) -> socket.socket:
    """A client that has sent its request and reads nothing."""
    address = urlsplit(server.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(120)
    client.connect((address.hostname, address.port))
    content = json.dumps(body).encode()
    head = f"POST /generate/stream HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
    client.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + content)
    return client


async def test_a_client_that_stops_reading_holds_nobody_up_and_misses_nothing(server: Server) -> None:
    await idle(server)
    body = {"text": LONG[:200], "output_format": "wav", "speed": 0.25, "seed": 2}
    stalled = await asyncio.to_thread(deaf, server, body)
    for _ in range(200):
        if server.slots()["live"]:
            break
        await asyncio.sleep(0.05)
    short = {"text": "Jó napot!", "output_format": "wav", "seed": 2}
    async with httpx.AsyncClient(base_url=server.url, timeout=300) as client:
        for route in ("stream", "simple"):
            assert (await client.post(f"/generate/{route}", json=short)).status_code == 200
        await idle(server, within=300)  # all is said and waits in memory
        expected = (await client.post("/generate/simple", json=body)).content[44:]
    received = io.BytesIO()
    while data := await asyncio.to_thread(stalled.recv, 65536):
        received.write(data)
    stalled.close()
    got = dechunked(received.getvalue().partition(b"\r\n\r\n")[2])[44:]
    assert len(expected) > 1_000_000  # more than sockets hold
    assert same(got, expected)


def dechunked(body: bytes) -> bytes:
    """Of chunked transfer coding, to its last chunk."""
    whole = b""
    while size := int((line := body.partition(b"\r\n"))[0], 16):
        whole, body = whole + line[2][:size], line[2][size + 2 :]
    return whole
