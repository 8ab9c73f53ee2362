"""Text in pieces over a real server's WebSockets, by the clients `websockets` and ElevenLabs' own."""

import json
import time
from typing import Any

import httpx
import numpy as np
import pytest
from elevenlabs.client import ElevenLabs
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.service.server import LOCKED_KEY, Server
from tests.service.test_generate import close

BEARER = {"Authorization": f"Bearer {LOCKED_KEY}"}
PIECES = ["Egyszer volt, hol nem volt,", "volt egyszer egy király.", "Három fia volt neki."]
TEXT = " ".join(PIECES)
HOW = {"language": "hu", "seed": 7, "temperature": 0}


def opened(server: Server, headers: dict[str, str] | None = None, path: str = "/generate/live") -> ClientConnection:
    return connect(server.url.replace("http", "ws") + path, additional_headers=headers or BEARER, open_timeout=120)


def send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": kind, **fields}))


def until(socket: ClientConnection, kind: str) -> tuple[list[dict[str, Any]], bytes]:
    events: list[dict[str, Any]] = []
    audio = b""
    while not events or events[-1]["type"] != kind:
        message = socket.recv(timeout=300)
        if isinstance(message, bytes):
            audio += message
        else:
            events.append(json.loads(message))
    return events, audio


def until_free(server: Server) -> None:
    end = time.monotonic() + 60
    while server.slots()["live"]:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_text_in_pieces_is_the_segments_of_its_pieces(locked: Server) -> None:
    with opened(locked) as socket:
        send(socket, "start", **HOW)
        for at in range(0, len(TEXT), 5):
            send(socket, "text", text=TEXT[at : at + 5])
        send(socket, "flush")
        events, audio = until(socket, "utterance_ended")
        send(socket, "text", text="Mi az?")
        send(socket, "close")
        assert until(socket, "utterance_ended")[0][-1]["utterance"] == 1
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
    ended = [event for event in events if event["type"] == "segment_ended"]
    said = [TEXT[slice(*event["span"])] for event in ended]
    assert " ".join(said) == TEXT
    body = {**HOW, "segments": [{"text": text} for text in said], "trim_silence": False, "output_format": "pcm"}
    answer = httpx.post(f"{locked.url}/generate/segmented", json=body, headers=BEARER, timeout=300).raise_for_status()
    assert close(np.frombuffer(audio, "<i2"), np.frombuffer(answer.content, "<i2"))  # windows differ
    spans = [pytest.approx([event["start"], event["end"]]) for event in ended]
    assert json.loads(answer.headers["X-Segments"]) == spans


def test_cancel_and_leaving_free_the_slots(locked: Server) -> None:
    with opened(locked) as socket:
        send(socket, "start", language="hu")
        send(socket, "text", text=f"{TEXT} " * 8)
        until(socket, "segment_began")
        send(socket, "cancel", played=0.2)
        told = until(socket, "cancelled")[0][-1]
        until_free(locked)
        assert 0 <= told["characters_spoken"] < 40
        send(socket, "text", text=f"{TEXT} " * 8)
        until(socket, "segment_began")
        socket.socket.close()  # without a word
    until_free(locked)


def test_keys(locked: Server) -> None:
    with opened(locked, {"X-Other": "none"}) as socket:
        send(socket, "start", key=LOCKED_KEY)
        send(socket, "text", text="Mi az?")
        send(socket, "close")
        until(socket, "utterance_ended")
    with opened(locked, {"X-Other": "none"}) as socket:
        send(socket, "text", text="Mi az?")
        assert json.loads(socket.recv(timeout=60))["error"]["type"] == "unauthorized"
    with pytest.raises(InvalidStatus) as refused:
        opened(locked, {"xi-api-key": "wrong"})
    assert refused.value.response.status_code == 401


def test_a_websocket_where_there_is_none_is_told(locked: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(locked, path="/generate/simple")
    assert refused.value.response.status_code == 404
    assert b"There is no WebSocket here" in (refused.value.response.body or b"")


def test_elevenlabs_own_client(locked: Server) -> None:
    client = ElevenLabs(base_url=locked.url, api_key=LOCKED_KEY)
    client.text_to_speech._ws_base_url = locked.url.replace("http", "ws")  # it takes any address, but only by TLS
    spoken = b"".join(
        client.text_to_speech.convert_realtime(
            "default", text=iter(PIECES), model_id="eleven_flash_v2_5", output_format="pcm_24000"
        )
    )
    assert len(spoken) > 24_000


def test_connections_are_counted(locked: Server) -> None:
    with opened(locked) as socket:
        send(socket, "close")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=60)
    text = httpx.get(f"{locked.url}/metrics", headers=BEARER).raise_for_status().text
    line = 'xtts_requests_total{method="WEBSOCKET",outcome="ok",route="/generate/live"}'
    assert any(each.startswith(line) for each in text.splitlines())
    assert '"message": "WEBSOCKET /generate/live"' in locked.log.read_text()
