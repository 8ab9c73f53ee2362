"""What is no request of any route: slashes too many, WebSockets where there are none, words of refusals."""

import base64
import codecs
import json
import os
import re
import socket
from typing import Any

import httpx
import pytest

from tests.service.server import Server


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/voices/", [200, 415]),
        ("/health/", [200, 405]),
        ("/generate/simple/", [405, 422]),
        ("/v1/models/", [200, 405]),
        ("/v1/v1/models", [200, 405]),
        ("/static_content", [404, 404]),
    ],
)
def test_a_slash_too_many_is_none_and_no_redirect_leads_to_the_host_header(
    small_server: Server, path: str, statuses: list[int]
) -> None:
    for method, status in zip(("GET", "POST"), statuses, strict=True):
        response = httpx.request(method, small_server.url + path, headers={"host": "evil.example"}, timeout=120)
        assert response.status_code == status, response.text
        assert "location" not in response.headers


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/audio/speech", "OPTIONS, POST"),
        ("/generate/simple", "OPTIONS, POST"),
        ("/voices", "GET, HEAD, OPTIONS, POST"),
        ("/v1/models", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_head_and_options(small_server: Server, path: str, allowed: str) -> None:
    options = httpx.options(small_server.url + path, timeout=120)
    assert (options.status_code, options.headers["allow"]) == (204, allowed)
    head = httpx.head(small_server.url + path, timeout=120)
    assert (head.status_code, head.content) == (200 if "HEAD" in allowed else 405, b"")
    if "HEAD" in allowed:
        assert (
            head.headers["content-length"] == httpx.get(small_server.url + path, timeout=120).headers["content-length"]
        )
    assert httpx.options(f"{small_server.url}/nowhere", timeout=120).status_code == 404


@pytest.mark.parametrize("path", ["/generate/simple", "/v1/audio/speech", "/normalize"])
@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("text/plain", b""),
        (None, b""),
        ("application/json", b"\xef\xbb\xbf"),
    ],
)
def test_json_by_another_name(small_server: Server, path: str, kind: str | None, mark: bytes) -> None:
    fields = {"input": "Hé!"} if path.startswith("/v1/") else {"text": "Hé!", "language": "hu"}
    headers = {} if kind is None else {"content-type": kind}
    answer = httpx.post(
        small_server.url + path, content=mark + json.dumps(fields).encode(), headers=headers, timeout=120
    )
    assert answer.status_code == 200, answer.text


def operations(server: Server) -> dict[str, dict[str, Any]]:
    """By path, with a name where it has a parameter, and by method in small letters."""
    paths = httpx.get(f"{server.url}/docs.json", timeout=120).json()["paths"]
    return {re.sub(r"\{.*?\}", "x", path): methods for path, methods in paths.items()}


def test_every_route_says_what_it_allows(small_server: Server) -> None:
    routes = operations(small_server)
    assert len(routes) > 30
    with small_server.client() as client:
        for path, documented in routes.items():
            there = {method.upper() for method in documented}
            if path == "/voices/judge":
                there |= {"DELETE", "GET"}  # of a voice of that name
            options = client.options(path)
            assert options.status_code == 204, path
            allowed = set(options.headers["allow"].split(", "))
            assert allowed == there | {"OPTIONS"} | ({"HEAD"} if "GET" in there else set()), path
            head = client.head(path)
            assert head.content == b"", path
            if "GET" in there:
                got = client.get(path)
                assert (head.status_code, head.headers["content-type"]) == (
                    got.status_code,
                    got.headers["content-type"],
                ), path
            else:
                assert head.status_code == 405, path


def test_every_json_route_reads_json_by_any_name(small_server: Server) -> None:
    """What is missing is named alike, so it was read."""
    ways: list[tuple[bytes, dict[str, str]]] = [
        (b"{}", {"content-type": "application/x-www-form-urlencoded"}),  # `curl -d`
        (b" {}", {"content-type": "text/plain;charset=UTF-8"}),
        (b"{}", {}),
        (codecs.BOM_UTF8 + b"{}", {"content-type": "application/json"}),
        (codecs.BOM_UTF8 + b"{}", {}),
    ]
    routes = [
        path
        for path, methods in operations(small_server).items()
        if "application/json" in methods.get("post", {}).get("requestBody", {}).get("content", {})
    ]
    assert len(routes) >= 13
    with small_server.client() as client:
        for path in routes:
            named = client.post(path, json={})
            assert named.status_code in (200, 400, 422), (path, named.text)
            for body, headers in ways:
                answer = client.post(path, content=body, headers=headers)
                assert (answer.status_code, answer.content) == (named.status_code, named.content), (path, body, headers)
            refused = client.post(path, content=b"Szia!", headers={"content-type": "text/plain"})
            assert refused.status_code == 415, path
            assert "send content-type: application/json" in refused.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/generate/simple", "/v1/audio/speech", "/normalize"])
def test_what_is_no_json_is_told_so(small_server: Server, path: str) -> None:
    with small_server.client() as client:
        plain = client.post(path, content=b"Szia!", headers={"content-type": "text/plain"})
        assert plain.status_code == 415
        assert "send content-type: application/json" in plain.json()["error"]["message"]
        packed = client.post(path, content=b"{}", headers={"content-encoding": "gzip"})
        assert packed.status_code == 415
        assert "compressed" in packed.json()["error"]["message"]
        broken = client.post(path, content=b'{"text": "a", }', headers={"content-type": "application/json"})
        message = broken.json()["error"]["message"]
        assert "this is not JSON" in message
        assert "character 15" in message or "column 15" in message


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
            'samples: "samples" is missing; right is an array of 1 to 10000; sampels: "sampels" does not belong here; '
            'did you mean "samples"?',
        ),
        ("/v1/audio/speech", {"model": "tts-1"}, 'input: "input" is missing'),
    ],
)
def test_every_route_has_the_same_words(small_server: Server, path: str, body: dict[str, object], message: str) -> None:
    answer = httpx.post(small_server.url + path, json=body, timeout=120)
    assert answer.json()["error"]["message"].startswith(message)
