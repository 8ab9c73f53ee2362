"""A server's start, and its end by SIGTERM: what is in flight is finished, what is new is refused at once, WebSockets
say so, and the exit code is 0."""

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.service.server import Server, free_port, start, stop, wait_until_healthy
from tests.service.test_live import opened, send
from tests.service.test_live import until as hear
from tests.service.test_long import LONG, submit, until

BODY = {
    "segments": [{"text": "Melyik nagy költőnk írta a Szózatot? Gondold meg jól, mielőtt válaszolsz!"}] * 6,
    "output_format": "wav",
}


def accepts(server: Server) -> bool:
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(("127.0.0.1", httpx.URL(server.url).port)) == 0


def send_half(server: Server) -> tuple[socket.socket, bytes]:
    """A request that has not reached the model yet. Returns its connection and the half that is to come."""
    body = json.dumps({"text": "Jó napot kívánok!", "output_format": "wav"}).encode()
    head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    connection = socket.create_connection(("127.0.0.1", httpx.URL(server.url).port), timeout=60)
    connection.sendall(f"POST /generate/simple HTTP/1.1\r\n{head}\r\n\r\n".encode() + body[:20])
    return connection, body[20:]


def last_words(socket: ClientConnection) -> tuple[list[str], int]:
    """The kinds of events that still come, and the code it is closed with."""
    kinds = []
    try:
        while True:
            message = socket.recv(timeout=60)
            if isinstance(message, str):
                kinds.append(json.loads(message)["type"])
    except ConnectionClosed as closed:
        return kinds, closed.rcvd.code if closed.rcvd else 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    """It has just been started, and is ended by the last test."""
    begun = start(tmp_path_factory.mktemp("ended"), {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_SLOTS": "4"}, free_port())
    yield begun
    stop(begun)


def test_loading_is_told_from_ready(server: Server) -> None:
    answers = []
    end = time.monotonic() + 120
    while not (answers and answers[-1][0].status_code == 200):
        assert time.monotonic() < end
        with server.client(timeout=60) as client:
            try:
                answers.append((client.get("/health"), client.get("/readyz"), client.get("/livez")))
            except httpx.TransportError:
                time.sleep(0.1)
    health, ready, live = answers[0]
    assert (health.status_code, live.status_code) == (503, 200)
    assert health.json()["status"] == "loading"
    assert health.json()["model_loaded"] is False
    assert ready.status_code == 503
    health, _, _ = answers[-1]
    assert health.json()["status"] == "ok"
    assert health.json()["model_loaded"] is True
    assert health.json()["demo"] is False
    assert "notice" not in health.json()


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(server: Server) -> None:
    """No live text hangs: not who is being spoken to, not who wrote half a sentence, and not who said nothing. Jobs are
    not waited for: they go on another time, and this was no attempt."""
    wait_until_healthy(server)
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.post(f"{server.url}/generate/segmented", json=BODY, timeout=400))

    with server.client() as client:
        job = submit(client, LONG)
    until(lambda: server.slots()["live"])
    with opened(server) as speaking, opened(server) as writing, opened(server) as silent:
        send(writing, "text", text="Ki írta")  # has come by the time that the other is heard
        send(speaking, "text", text="Melyik nagy költőnk írta a Szózatot? " * 2)  # for which there are 30 s
        hear(speaking, "segment_began")
        request = threading.Thread(target=ask)
        request.start()
        until(lambda: server.slots()["waiting"] or not request.is_alive())
        begun, rest = send_half(server)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert request.is_alive(), "the request was over before it could be interrupted"
        assert not accepts(server)
        begun.sendall(rest)
        assert begun.recv(20).startswith(b"HTTP/1.1 200")
        for socket, segments in ((speaking, 2), (writing, 1), (silent, 0)):
            kinds, code = last_words(socket)
            assert code == 1012
            assert kinds.count("segment_ended") == segments
            assert kinds[-1:] == ["utterance_ended"][:segments]
    request.join(400)
    assert [(answer.status_code, answer.headers["content-type"]) for answer in answers] == [(200, "audio/wav")]
    assert server.process.wait(timeout=60) == 0
    with sqlite3.connect(server.log.parent / "data" / "jobs.sqlite") as database:
        states = database.execute("SELECT workflow_uuid, status, recovery_attempts FROM workflow_status").fetchall()
    assert states == [(job, "ENQUEUED", 0)]
