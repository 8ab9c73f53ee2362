"""SIGTERM: what is in flight is finished, what is new is refused at once, and the exit code is 0. WebSockets say so."""

import json
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.service.server import Server, free_port, start, stop, wait_until_healthy
from tests.service.test_live import opened, send, until

BODY = {
    "segments": [{"text": "Melyik nagy költőnk írta a Szózatot? Gondold meg jól, mielőtt válaszolsz!"}] * 12,
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


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(tmp_path: Path, cache_dir: Path) -> None:
    server = start(tmp_path, {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_SLOTS": "2"}, free_port())
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.post(f"{server.url}/generate/segmented", json=BODY, timeout=400))

    try:
        wait_until_healthy(server)
        request = threading.Thread(target=ask)
        request.start()
        while not server.slots()["live"]:
            assert request.is_alive(), answers
            time.sleep(0.05)
        begun, rest = send_half(server)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert request.is_alive(), "the request was over before it could be interrupted"
        assert not accepts(server)
        begun.sendall(rest)
        assert begun.recv(20).startswith(b"HTTP/1.1 200")
        request.join(400)
        assert [(answer.status_code, answer.headers["content-type"]) for answer in answers] == [(200, "audio/wav")]
        assert server.process.wait(timeout=30) == 0
    finally:
        stop(server)


def test_sigterm_ends_live_text_by_its_code(tmp_path: Path, cache_dir: Path) -> None:
    """Nobody hangs: not who is being spoken to, not who wrote half a sentence, and not who said nothing."""
    server = start(tmp_path, {"XTTS_CACHE_DIR": str(cache_dir)}, free_port())
    try:
        wait_until_healthy(server)
        with opened(server) as speaking, opened(server) as writing, opened(server) as silent:
            send(writing, "text", text="Ki írta")  # has come by the time that the other is heard
            send(speaking, "text", text="Melyik nagy költőnk írta a Szózatot? " * 3)
            until(speaking, "segment_began")
            server.process.send_signal(signal.SIGTERM)
            for socket, segments in ((speaking, 3), (writing, 1), (silent, 0)):
                kinds, code = last_words(socket)
                assert code == 1012
                assert kinds.count("segment_ended") == segments
                assert kinds[-1:] == ["utterance_ended"][:segments]
        assert server.process.wait(timeout=30) == 0
    finally:
        stop(server)
