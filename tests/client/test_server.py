"""The client against a real server: speech with its facts, waiting, trying again, giving up rightly."""

import asyncio
import socket
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.jobs.schemas import Sample
from client.server import SampleFailed, Server, ServerUnreachable
from tests.client.conftest import QUICK, Connect
from tests.client.fake_server import FakeServer, sound


def say(text: str, **fields: Any) -> Sample:
    return Sample(id="x", text=text, output_format="wav", **fields)


def quiet(_: str) -> None:
    pass


def never() -> bool:
    return False


def no_server() -> str:
    """A URL where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def test_a_simple_sample_becomes_audio(connect: Connect) -> None:
    server, sample = FakeServer(), say("fifteen letters", seed=7)

    entry, files = await connect(server).synthesize(sample)

    assert server.seen == [{"text": "fifteen letters", "output_format": "wav", "seed": 7, "trim_silence": False}]
    assert files == {"wav": sound(server.seen[0], 7, 1.0)}
    assert (entry.seed, entry.duration, entry.sample_rate, entry.spans) == (7, 1.0, 24000, None)


async def test_segments_and_paragraphs_have_spans(connect: Connect) -> None:
    segments = [{"text": "fifteen letters", "pause_after": 0.5}, {"text": "fifteen letters"}]
    server = connect(FakeServer())

    for sample in (
        Sample(id="x", segments=segments, output_format="wav"),
        say("fifteen letters\n\nfifteen letters", paragraph_pause=0.5),
    ):
        entry, _ = await server.synthesize(sample)
        assert entry.spans == [(0.0, 1.0), (1.5, 2.5)]
        assert entry.language == ["hu", "hu"]


async def test_subtitles_come_in_a_zip(connect: Connect) -> None:
    server = FakeServer()
    _, files = await connect(server).synthesize(say("fifteen letters", seed=7, subtitles="vtt"))
    assert files == {"wav": sound(server.seen[0], 7, 1.0), "vtt": b"WEBVTT"}


@pytest.mark.parametrize("text", ["!busy", "!loading"])
async def test_a_busy_server_is_asked_again(connect: Connect, text: str) -> None:
    server = FakeServer(refusals=3)

    await connect(server).synthesize(say(text))

    assert server.texts() == [text] * 4


async def test_the_server_says_when_to_come_back(connect: Connect) -> None:
    server = FakeServer(refusals=1, retry_after="1")
    began = time.perf_counter()

    await connect(server).synthesize(say("!busy"))

    assert time.perf_counter() - began >= 1.0


async def test_without_that_the_pauses_grow(connect: Connect) -> None:
    server = FakeServer(refusals=3, retry_after=None)
    began = time.perf_counter()

    await connect(server, replace(QUICK, pause=0.05)).synthesize(say("!busy"))

    assert time.perf_counter() - began >= 0.35  # 0.05 + 0.1 + 0.2


@pytest.mark.parametrize(("retry_after", "tries"), [("0", 4), ("3", 1), ("soon", 4)])
async def test_a_server_that_stays_busy_is_given_up(connect: Connect, retry_after: str, tries: int) -> None:
    """After so many tries, or at once where it wants more time than we have."""
    server = FakeServer(refusals=100, retry_after=retry_after)

    with pytest.raises(SampleFailed, match="HTTP 429 overloaded: the queue is full"):
        await connect(server).synthesize(say("!busy"))

    assert len(server.seen) == tries


async def test_a_refusal_is_final_and_keeps_the_servers_words(connect: Connect) -> None:
    server = FakeServer()

    with pytest.raises(SampleFailed) as caught:
        await connect(server).synthesize(say("!wrong"))

    failure = caught.value.fault
    assert (failure.status, failure.type, failure.param) == (404, "unknown_voice", "voice")
    assert str(failure) == "HTTP 404 unknown_voice: voice: no voice 'nobody'; see GET /voices"
    assert len(server.seen) == 1


async def test_an_answer_that_is_not_speech_fails_the_sample(connect: Connect) -> None:
    with pytest.raises(SampleFailed, match="not audio from this API"):
        await connect(FakeServer()).synthesize(say("!html"))


async def test_a_slow_answer_fails_the_sample_and_is_not_asked_for_again(connect: Connect) -> None:
    server = FakeServer()

    with pytest.raises(SampleFailed, match=r"no answer within 0\.2 s; --timeout"):
        await connect(server, replace(QUICK, answer=0.2)).synthesize(say("!slow"))

    assert len(server.seen) == 1


async def test_a_sample_that_breaks_its_connections_fails_alone(connect: Connect) -> None:
    server = FakeServer()
    client = connect(server)

    with pytest.raises(SampleFailed, match="the connection broke each time"):
        await client.synthesize(say("!crash"))

    assert len(server.seen) == QUICK.broken_tries
    assert (await client.synthesize(say("next")))[1]


async def test_a_server_that_is_gone_stops_everything(connect: Connect) -> None:
    with pytest.raises(ServerUnreachable, match="does not answer any more"):
        await connect(no_server()).synthesize(say("x"))


async def test_a_loading_server_is_waited_for_and_said_so(connect: Connect) -> None:
    server, notes = FakeServer(loading_answers=5), []

    await connect(server).languages(notes.append, never)

    assert server.loading_answers == 0
    assert len(notes) == 1
    assert notes[0].endswith("is loading its model, waiting (0 s)")


async def test_a_server_that_never_loads_is_given_up(connect: Connect) -> None:
    client = connect(FakeServer(loading_answers=10**6), replace(QUICK, loading=0.1))

    with pytest.raises(ServerUnreachable, match="is loading its model after 0 s; --wait"):
        await client.languages(quiet, never)


async def test_where_nobody_listens_we_say_so_soon(connect: Connect) -> None:
    with pytest.raises(ServerUnreachable, match=r"does not answer .*; is it running"):
        await connect(no_server()).languages(quiet, never)


async def test_a_server_that_is_starting_may_refuse_for_longer(connect: Connect) -> None:
    starting, notes = True, []
    client = connect(no_server())
    waiting = asyncio.ensure_future(client.languages(notes.append, lambda: starting))
    await asyncio.sleep(50 * QUICK.pause)
    assert not waiting.done()
    assert "is starting" in notes[0]

    starting = False  # it ended instead

    with pytest.raises(ServerUnreachable):
        await waiting


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": {}}, "wants a key .*set XTTS_API_KEY"),
        (404, {"detail": "Not Found"}, "HTTP 404.*is --server right"),
        (200, {"status": "ok"}, "HTTP 200.*is --server right"),
        (200, [], "HTTP 200.*is --server right"),
        (301, {}, "HTTP 301.*is --server right"),
    ],
)
async def test_a_server_of_another_kind_is_told(status: int, body: object, words: str) -> None:
    answers = httpx.MockTransport(lambda _: httpx.Response(status, json=body))

    async with httpx.AsyncClient(base_url="http://other", transport=answers) as http:
        with pytest.raises(ServerUnreachable, match=words):
            await Server(http, QUICK).languages(quiet, never)


async def test_the_server_says_what_it_has(connect: Connect) -> None:
    server = connect(FakeServer())

    assert await server.languages(quiet, never) == ["en", "hu", "zh-cn"]
    assert await server.voices() == {"default": ["neutral", "excitement", "question"], "Ana": []}


HEADERS = {"X-Seed": "5", "X-Audio-Duration": "1.25", "X-Sample-Rate": "24000", "X-Language": "hu"}


async def answered(response: httpx.Response) -> str:
    """What a sample fails of that is answered so."""
    async with httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(lambda _: response)) as http:
        with pytest.raises(SampleFailed) as caught:
            await Server(http, replace(QUICK, busy_tries=1)).synthesize(say("x"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "content"),
    [
        ({}, b""),
        ({"X-Seed": None}, b"x"),
        ({"X-Seed": "five"}, b"x"),
        ({"X-Audio-Duration": None}, b"x"),
        ({"X-Audio-Duration": "nan"}, b"x"),
        ({"X-Sample-Rate": ""}, b"x"),
        ({"X-Segments": "[[0,"}, b"x"),
        ({"X-Segments": "[[0]]"}, b"x"),
        ({"X-Segments": "5"}, b"x"),
    ],
)
async def test_audio_that_lacks_something_is_none(change: dict[str, str | None], content: bytes) -> None:
    headers = {name: value for name, value in {**HEADERS, **change}.items() if value is not None}

    assert (await answered(httpx.Response(200, headers=headers, content=content))).startswith("HTTP 200 bad_answer: ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            httpx.Response(422, json={"error": {"type": "t", "message": "m", "param": "segments.0.text"}}),
            "HTTP 422 t: segments.0.text: m",
        ),
        (httpx.Response(400, json={"error": {"type": 1, "message": None}}), "HTTP 400 1: None"),
        (httpx.Response(500, json=[{"error": "x"}]), 'HTTP 500 http_error: [{"error":"x"}]'),
        (httpx.Response(500, json={"error": "x"}), 'HTTP 500 http_error: {"error":"x"}'),
        (httpx.Response(502, text="<h1>" + "x" * 999), "HTTP 502 http_error: <h1>" + "x" * 196),
        (httpx.Response(500), "HTTP 500 http_error: no reason given"),
        (httpx.Response(308, headers={"Location": "https://there"}), "HTTP 308 http_error: https://there"),
    ],
)
async def test_an_error_keeps_the_words_it_came_with(answer: httpx.Response, words: str) -> None:
    assert await answered(answer) == words
