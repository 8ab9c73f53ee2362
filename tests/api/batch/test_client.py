"""The client against a real server: speech with its facts, waiting, trying again, giving up rightly."""

import asyncio
import socket
import time
from dataclasses import replace

import httpx
import pytest

from api.batch.answer import SampleError
from api.batch.client import ServerUnreachableError, SpeechClient
from api.batch.file import Sample
from tests.api.batch.conftest import QUICK, Connect
from tests.api.batch.fake_server import FakeServer, sound


def say(text: str, **fields: object) -> Sample:
    return Sample("x", {"text": text, "output_format": "wav", **fields})


def no_server() -> str:
    """A URL where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def test_a_simple_sample_becomes_speech(connect: Connect) -> None:
    server, sample = FakeServer(), say("fifteen letters", seed=7)

    speech = await connect(server).speak(sample)

    assert server.seen == [sample.request]
    assert speech.audio == sound(dict(sample.request), 7, 1.0)
    assert (speech.seed, speech.duration, speech.sample_rate, speech.spans) == (7, 1.0, 24000, None)


async def test_a_segmented_sample_tells_its_spans(connect: Connect) -> None:
    segments = [{"text": "fifteen letters", "pause_after": 0.5}, {"text": "fifteen letters"}]

    speech = await connect(FakeServer()).speak(Sample("x", {"segments": segments, "output_format": "wav"}))

    assert speech.spans == [(0.0, 1.0), (1.5, 2.5)]


@pytest.mark.parametrize("text", ["!busy", "!loading"])
async def test_a_busy_server_is_asked_again(connect: Connect, text: str) -> None:
    server = FakeServer(refusals=3)

    await connect(server).speak(say(text))

    assert server.texts() == [text] * 4


async def test_the_server_says_when_to_come_back(connect: Connect) -> None:
    server = FakeServer(refusals=1, retry_after="1")
    began = time.perf_counter()

    await connect(server).speak(say("!busy"))

    assert time.perf_counter() - began >= 1.0


async def test_without_that_the_pauses_grow(connect: Connect) -> None:
    server = FakeServer(refusals=3, retry_after=None)
    began = time.perf_counter()

    await connect(server, replace(QUICK, pause=0.05)).speak(say("!busy"))

    assert time.perf_counter() - began >= 0.35  # 0.05 + 0.1 + 0.2


@pytest.mark.parametrize(("retry_after", "tries"), [("0", 4), ("3", 1), ("soon", 4)])
async def test_a_server_that_stays_busy_is_given_up(connect: Connect, retry_after: str, tries: int) -> None:
    """After so many tries, or at once where it wants more time than we have."""
    server = FakeServer(refusals=100, retry_after=retry_after)

    with pytest.raises(SampleError, match="HTTP 429 overloaded: the queue is full"):
        await connect(server).speak(say("!busy"))

    assert len(server.seen) == tries


async def test_a_refusal_is_final_and_keeps_the_servers_words(connect: Connect) -> None:
    server = FakeServer()

    with pytest.raises(SampleError) as caught:
        await connect(server).speak(say("!wrong"))

    failure = caught.value.failure
    assert (failure.status, failure.type, failure.param) == (404, "unknown_voice", "voice")
    assert str(failure) == "HTTP 404 unknown_voice: voice: no voice 'nobody'; see GET /voices"
    assert len(server.seen) == 1


async def test_an_answer_that_is_not_speech_fails_the_sample(connect: Connect) -> None:
    with pytest.raises(SampleError, match="not speech from this API"):
        await connect(FakeServer()).speak(say("!html"))


async def test_a_slow_answer_fails_the_sample_and_is_not_asked_for_again(connect: Connect) -> None:
    server = FakeServer()

    with pytest.raises(SampleError, match=r"no answer within 0\.2 s; --timeout"):
        await connect(server, replace(QUICK, answer=0.2)).speak(say("!slow"))

    assert len(server.seen) == 1


async def test_a_sample_that_breaks_its_connections_fails_alone(connect: Connect) -> None:
    server = FakeServer()
    client = connect(server)

    with pytest.raises(SampleError, match="the connection broke each time"):
        await client.speak(say("!crash"))

    assert len(server.seen) == QUICK.broken_tries
    assert (await client.speak(say("next"))).audio


async def test_a_server_that_is_gone_stops_everything(connect: Connect) -> None:
    with pytest.raises(ServerUnreachableError, match="does not answer any more"):
        await connect(no_server()).speak(say("x"))


async def test_a_loading_server_is_waited_for_and_said_so(connect: Connect) -> None:
    server, notes = FakeServer(loading_answers=5), []

    await connect(server).wait_until_ready(notes.append)

    assert server.loading_answers == 0
    assert len(notes) == 1
    assert notes[0].endswith("is loading its model, waiting (0 s)")


async def test_a_server_that_never_loads_is_given_up(connect: Connect) -> None:
    client = connect(FakeServer(loading_answers=10**6), replace(QUICK, loading=0.1))

    with pytest.raises(ServerUnreachableError, match="is loading its model after 0 s; --wait"):
        await client.wait_until_ready(lambda _: None)


async def test_where_nobody_listens_we_say_so_soon(connect: Connect) -> None:
    with pytest.raises(ServerUnreachableError, match=r"does not answer .*; is it running"):
        await connect(no_server()).wait_until_ready(lambda _: None)


async def test_a_server_that_is_starting_may_refuse_for_longer(connect: Connect) -> None:
    starting, notes = True, []
    client = connect(no_server())
    waiting = asyncio.ensure_future(client.wait_until_ready(notes.append, lambda: starting))
    await asyncio.sleep(50 * QUICK.pause)
    assert not waiting.done()
    assert "is starting" in notes[0]

    starting = False  # it ended instead

    with pytest.raises(ServerUnreachableError):
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
        with pytest.raises(ServerUnreachableError, match=words):
            await SpeechClient(http, QUICK).wait_until_ready(lambda _: None)
