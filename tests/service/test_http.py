"""What is no request of any route: slashes too many, WebSockets where there are none, words of refusals."""

import base64
import os
import socket

import httpx
import pytest

from tests.service.server import Server


@pytest.mark.parametrize("path", ["/voices/", "/health/", "/generate/simple/", "/v1/models/", "/static_content"])
def test_no_redirect_leads_to_the_host_header(small_server: Server, path: str) -> None:
    for method in ("GET", "POST"):
        response = httpx.request(method, small_server.url + path, headers={"host": "evil.example"}, timeout=120)
        assert response.status_code == 404
        assert response.json()["error"]["type"] == ("invalid_request_error" if path.startswith("/v1/") else "not_found")
        assert "/docs.json" in response.json()["error"]["message"]
        assert "location" not in response.headers


def test_a_websocket_where_there_is_none_is_told(small_server: Server) -> None:
    port = httpx.URL(small_server.url).port
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        "GET /generate/simple HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(head.encode())
        answer = b""
        while b"}}" not in answer and (part := connection.recv(4096)):
            answer += part
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"There is no WebSocket here" in answer


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/generate/simple", {"text": "a", "spede": 2}, 'spede: "spede" does not belong here; did you mean "speed"?'),
        ("/generate/stream", {"text": "a", "speed": 9}, "speed: 9 is not right; right is a number from 0.25 to 4"),
        (
            "/generate/long/submit",
            {"sampels": []},
            'samples: "samples" is missing; right is an array of 1 to 1000; sampels: "sampels" does not belong here; '
            'did you mean "samples"?',
        ),
        ("/v1/audio/speech", {"model": "tts-1", "input": "a"}, 'voice: "voice" is missing'),
    ],
)
def test_every_route_has_the_same_words(small_server: Server, path: str, body: dict[str, object], message: str) -> None:
    answer = httpx.post(small_server.url + path, json=body, timeout=120)
    assert answer.json()["error"]["message"].startswith(message)
