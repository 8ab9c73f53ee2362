"""The error table, row by row: status, type, the field at fault, and nothing that leaks."""

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest

from tests.service.server import Server, free_port, start

LONG = "Ez egy hosszú mondat, amelyet többször is elmondunk egymás után. " * 40  # 2,600 characters
LONGEST = LONG * 5  # minutes of work for the small server, at the slowest speed

ROWS: list[tuple[str, dict[str, Any] | bytes, int, str, str | None]] = [
    ("simple", {"text": ""}, 422, "invalid_request", "text"),
    ("simple", {}, 422, "invalid_request", "text"),
    ("simple", {"text": "ქართული"}, 422, "invalid_request", "text"),
    ("simple", {"text": 7}, 422, "invalid_request", "text"),
    ("simple", {"text": "a" * 15_001}, 422, "invalid_request", "text"),
    ("simple", {"text": "a", "txet": "b"}, 422, "invalid_request", "txet"),
    ("simple", {"text": "a", "language": "xx"}, 422, "invalid_request", "language"),
    ("simple", {"text": "a", "output_format": "midi"}, 422, "invalid_request", "output_format"),
    ("simple", {"text": "a", "speed": 0.1}, 422, "invalid_request", "speed"),
    ("simple", {"text": "a", "speed": 9}, 422, "invalid_request", "speed"),
    ("simple", {"text": "a", "temperature": -1}, 422, "invalid_request", "temperature"),
    ("simple", {"text": "a", "temperature": 0.001}, 422, "invalid_request", "temperature"),
    ("simple", {"text": "a", "top_k": -1}, 422, "invalid_request", "top_k"),
    ("simple", {"text": "a", "top_p": 0}, 422, "invalid_request", "top_p"),
    ("simple", {"text": "a", "top_p": 1.1}, 422, "invalid_request", "top_p"),
    ("simple", {"text": "a", "repetition_penalty": 0.5}, 422, "invalid_request", "repetition_penalty"),
    ("simple", {"text": "a", "seed": -1}, 422, "invalid_request", "seed"),
    ("simple", {"text": "a", "seed": 2**32}, 422, "invalid_request", "seed"),
    ("simple", {"text": "a", "style": "angry"}, 422, "invalid_request", "style"),
    ("simple", {"text": "a", "style": {"neutral": 0}}, 422, "invalid_request", "style"),
    ("simple", {"text": "a", "style": {"angry": 1}}, 422, "invalid_request", "style"),
    ("simple", {"text": "a", "style": {"neutral": -1}}, 422, "invalid_request", "style"),
    ("simple", {"text": "a", "style": 7}, 422, "invalid_request", "style"),
    ("simple", {"text": "a", "voice": "nobody"}, 404, "voice_not_found", "voice"),
    ("simple", {"text": "a", "voice": "../default"}, 404, "voice_not_found", "voice"),
    ("simple", b"{not json", 422, "invalid_request", None),
    ("simple", b'{"text": "a", "temperature": NaN}', 422, "invalid_request", "temperature"),
    ("simple", b'{"text": ' + b"[" * 5000, 422, "invalid_request", None),
    ("simple", b"[]", 422, "invalid_request", None),
    ("simple", b"\xff\xfe", 422, "invalid_request", None),
    ("segmented", {"segments": []}, 422, "invalid_request", "segments"),
    ("segmented", {"segments": [{"text": "a"}] * 201}, 422, "invalid_request", "segments"),
    ("segmented", {"segments": [{"text": "a"}, {"text": ""}]}, 422, "invalid_request", "segments.1.text"),
    ("segmented", {"segments": [{"text": "a", "pause_after": -1}]}, 422, "invalid_request", "segments.0.pause_after"),
    ("segmented", {"segments": [{"text": "a", "pause_after": 61}]}, 422, "invalid_request", "segments.0.pause_after"),
    ("segmented", {"segments": [{"text": "a", "voice": "nobody"}]}, 404, "voice_not_found", "segments.0.voice"),
    ("segmented", {"segments": [{"text": "a"}, {"text": "ქართული"}]}, 422, "invalid_request", "segments.1.text"),
    ("segmented", {"segments": [{"text": "a", "style": "angry"}]}, 422, "invalid_request", "segments.0.style"),
    ("segmented", {"segments": [{"text": "a", "language": "xx"}]}, 422, "invalid_request", "segments.0.language"),
    ("segmented", {"segments": [{"text": "a"}], "style": "angry"}, 422, "invalid_request", "style"),
    ("segmented", {"segments": [{"text": "a"}], "language": "xx"}, 422, "invalid_request", "language"),
    ("segmented", {"segments": [{"text": "a", "pause_after": 60}] * 11}, 422, "invalid_request", "segments"),
    ("segmented", {"segments": [{"text": "a" * 8000}] * 2}, 422, "invalid_request", "segments"),
    ("simple", b'{"text": "' + b"a" * 20000 + b'"}', 413, "body_too_large", None),
]


def check(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body["error"]) == {"type", "message", "param"}
    error: dict[str, Any] = body["error"]
    assert error["type"] == kind
    assert error["message"]
    for leak in ("Traceback", "/tmp", "/work", "site-packages", ".py"):
        assert leak not in response.text
    return error


@pytest.mark.parametrize(("route", "body", "status", "kind", "param"), ROWS, ids=lambda value: str(value)[:60])
def test_bad_requests(
    small_server: Server, route: str, body: dict[str, Any] | bytes, status: int, kind: str, param: str | None
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with small_server.client() as client:
        headers = {"content-type": "application/json"}
        error = check(client.post(f"/generate/{route}", content=content, headers=headers), status, kind)
    assert error["param"] == param


def test_a_body_too_large_is_refused_before_it_is_sent(small_server: Server) -> None:
    def endless() -> Any:
        for _ in range(1000):
            yield b" " * 10_000

    with small_server.client() as client:
        check(client.post("/generate/simple", content=endless()), 413, "body_too_large")


@pytest.mark.parametrize(
    ("kind", "content", "param"),
    [
        ("application/x-www-form-urlencoded", b"text=a&speed=fast", "speed"),
        ("application/x-www-form-urlencoded", b"text=a&seed=" + b"1" * 5000, "seed"),
        ("application/x-www-form-urlencoded", b"text=a&style=" + b"[" * 5000, None),
        ("multipart/form-data; boundary=x", b"--x\r\nno such header", None),
        ("multipart/form-data", b"text=a", None),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="text"; filename="t"\r\n\r\n\xff\r\n--x--\r\n',
            "text",
        ),
    ],
)
def test_bad_forms(small_server: Server, kind: str, content: bytes, param: str | None) -> None:
    with small_server.client() as client:
        response = client.post("/generate/simple", content=content, headers={"content-type": kind})
    error = check(response, 422, "invalid_request")
    assert param in (None, error["param"])


def test_unknown_paths_and_methods(small_server: Server) -> None:
    with small_server.client() as client:
        check(client.get("/nowhere"), 404, "not_found")
        check(client.get("/generate/simple"), 405, "method_not_allowed")


def test_pickles_are_refused(small_server: Server) -> None:
    with small_server.client() as client:
        headers = {"content-type": "application/vnd.bentoml+pickle"}
        check(client.post("/generate/simple", content=b"x", headers=headers), 415, "unsupported_media_type")


async def test_a_full_queue_answers_429_at_once(small_server: Server) -> None:
    async with httpx.AsyncClient(base_url=small_server.url, timeout=180) as client:
        busy = [asyncio.create_task(client.post("/generate/simple", json={"text": LONGEST})) for _ in range(3)]
        for _ in range(200):
            await asyncio.sleep(0.05)
            if small_server.slots()["waiting"] >= 2:
                break
        began = time.monotonic()
        response = await client.post("/generate/simple", json={"text": "Hé!"})
        assert time.monotonic() - began < 10  # not at the deadline
        check(response, 429, "overloaded")
        assert int(response.headers["retry-after"]) >= 1
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
    await idle(small_server)


async def test_a_deadline_that_passes_answers_504_and_frees_its_slots(small_server: Server) -> None:
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=small_server.url, timeout=180) as client:
        body = {"text": LONGEST, "output_format": "wav", "speed": 0.25}
        response = await client.post("/generate/simple", json=body)
    check(response, 504, "deadline_exceeded")
    assert 11 < time.monotonic() - began < 60
    await idle(small_server)


async def test_a_client_that_hangs_up_frees_its_slots(small_server: Server) -> None:
    async with httpx.AsyncClient(base_url=small_server.url, timeout=180) as client:
        request = asyncio.create_task(client.post("/generate/simple", json={"text": LONG}))
        for _ in range(200):
            await asyncio.sleep(0.05)
            if small_server.slots()["live"]:
                break
        assert small_server.slots()["waiting"] > 0
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    await idle(small_server)


async def test_a_client_that_hangs_up_before_its_turn_leaves_the_queue(small_server: Server) -> None:
    async with httpx.AsyncClient(base_url=small_server.url, timeout=180) as client:
        speaking = asyncio.create_task(client.post("/generate/simple", json={"text": LONG[:180], "speed": 0.25}))
        await until(small_server, live=1, waiting=0)
        waiting = asyncio.create_task(client.post("/generate/simple", json={"text": "Hé!"}))
        await until(small_server, live=1, waiting=1)
        waiting.cancel()
        await until(small_server, live=1, waiting=0)
        assert not speaking.done()  # or else it was merely its turn
        speaking.cancel()
        await asyncio.gather(speaking, waiting, return_exceptions=True)
    await idle(small_server)


async def until(server: Server, **load: int) -> None:
    """The engine's load is this."""
    for _ in range(400):
        if load.items() <= server.slots().items():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(server.slots())


async def idle(server: Server, within: float = 20) -> None:
    """The engine has nothing left to do, long before the work that was dropped would have been done."""
    end = time.monotonic() + within
    while (slots := server.slots())["live"] or slots["waiting"]:
        assert time.monotonic() < end, slots
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"XTTS_SLOTS": "many"}, "XTTS_SLOTS=many"),
        ({"XTTS_MODEL": "hf://coqui/XTTS-v2"}, "COQUI_TOS_AGREED=1"),
    ],
    ids=str,
)
def test_a_wrong_setting_stops_the_start_with_its_name(tmp_path: Any, environ: dict[str, str], message: str) -> None:
    server = start(tmp_path, {"XTTS_CACHE_DIR": str(tmp_path / "cache"), **environ}, free_port())
    assert server.process.wait(timeout=180) != 0
    output = server.log.read_text()
    assert message in output
    assert "Traceback" not in output


def test_one_start_names_every_wrong_setting_in_the_same_words(tmp_path: Any) -> None:
    """Of the engine, of the service, of the machine and of the model."""
    wrong = {
        "XTTS_SLOTS": "8",
        "XTTS_RESERVED_SLOTS": "9",
        "XTTS_DEVICE": "cuda:63",
        "XTTS_PRECISION": "int10",
        "XTTS_MODEL": "/no/such/folder",
        "XTTS_VOICES_DIR": "/no/such/voices",
        "XTTS_DATA_DIR": "/dev/null/data",
        "XTTS_TIMEOUT": "-1",
        "XTTS_RATE_LIMIT": "fast",
        "XTTS_SLOT": "4",
        "COQUI_TOS_AGREED": "yes",
    }
    server = start(tmp_path, {"XTTS_CACHE_DIR": str(tmp_path / "cache"), **wrong}, free_port())
    assert server.process.wait(timeout=180) == 1
    lines = server.log.read_text().splitlines()
    assert all(
        re.match(r"\w+=\S+: (must be|there is no such folder; must be)|XTTS_SLOT: there is no", line) for line in lines
    )
    assert {line.partition("=")[0].partition(":")[0] for line in lines} == wrong.keys() - {"XTTS_SLOTS"}
    assert len(lines) == len(wrong) - 1
