"""A server's start, its death, after which its job is gone on with, and its end by SIGTERM: what is in flight is
finished, what is new is refused at once, WebSockets say so, and the exit code is 0."""

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.service.server import Server, free_port, start, stop, wait_until_healthy
from tests.service.test_live import opened, send
from tests.service.test_live import until as hear
from tests.service.test_long import LONG, SHORT, done, status, submit, until, unzip

BODY = {
    "segments": [{"text": "Melyik nagy költőnk írta a Szózatot? Gondold meg jól, mielőtt válaszolsz!"}] * 30,
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


@dataclass
class Lives:
    """Of one server: it has just been started, is killed and started again, and ended by the last test."""

    server: Server
    environ: dict[str, str]

    def end_by_force(self) -> None:
        own = psutil.Process(self.server.process.pid)
        for process in [*own.children(recursive=True), own]:
            process.kill()
        self.server.process.wait()

    def begin_again(self) -> None:
        self.server = start(self.server.log.parent, self.environ, free_port())
        wait_until_healthy(self.server)

    def jobs(self, query: str) -> set[tuple[Any, ...]]:
        with sqlite3.connect(self.server.log.parent / "data" / "jobs.sqlite") as database:
            return set(database.execute(query))


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Lives]:
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_SLOTS": "4"}
    one = Lives(start(tmp_path_factory.mktemp("lives"), environ, free_port()), environ)
    yield one
    stop(one.server)


def test_loading_is_told_from_ready(lives: Lives) -> None:
    server, answers = lives.server, []
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


def test_a_killed_server_goes_on_when_it_is_back(lives: Lives) -> None:
    steps = "SELECT function_id, completed_at_epoch_ms FROM operation_outputs"  # of jobs, and when they were done
    texts = [{**SHORT[0], "id": f"s{index}", "text": f"Ez itt a(z) {index}. mondat."} for index in range(80)]
    wait_until_healthy(lives.server)
    with lives.server.client() as client:
        job = submit(client, texts)
        until(lambda: 4 <= status(client, job)["progress"]["done"] < len(texts))
        assert status(client, job)["status"] == "in_progress"
    lives.end_by_force()
    before = lives.jobs(steps)
    assert before
    lives.begin_again()
    with lives.server.client() as client:
        manifest, files = unzip(done(client, job))
        assert before <= lives.jobs(steps)  # nothing was said twice
    assert manifest["totals"]["done"] == len(files) == len(texts)


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(lives: Lives) -> None:
    """No live text hangs: not who is being spoken to, not who wrote half a sentence, and not who said nothing. Jobs are
    not waited for: they go on another time, and this was no attempt."""
    server = lives.server
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
    states = lives.jobs("SELECT workflow_uuid, status, recovery_attempts FROM workflow_status")
    assert [state for state in states if state[0] == job] == [(job, "ENQUEUED", 0)]
