"""Conversations over the WebSockets, on a runner that says a window for each utterance, or holds its breath."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from limits import parse
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from api.auth.security import KeyBackend, RateLimits, refuse_caller
from api.config import ServerConfig
from api.error_bodies import ErrorBodies
from api.language import LanguageDetector
from api.live import routes, session, track
from api.live.decoding import AHEAD
from api.live.elevenlabs import read_format
from api.live.routes import router
from api.plan import Planner
from api.runner_client import RunnerClient
from api.synthesis import Synthesis
from api.voices.library import VoiceLibrary
from runners.errors import EngineFailure
from runners.types import Audio, Event, ModelCard, PieceDone, StopReason, Utterance
from tests.api.fake_runner import CARD

RATE = 24_000
WINDOW = RATE // 2  # samples
KEY = "correct-horse"


class Reader(RunnerClient):
    def __init__(self) -> None:
        self.asked: list[Utterance] = []
        self.live = 0
        self.most = 0
        self.sounded: list[int] = []  # for each that was asked: how many had sounded by then
        self._sounding = 0

    async def model(self) -> ModelCard:
        return CARD

    async def events(self, utterances: Sequence[Utterance], *, listening: bool = False) -> AsyncGenerator[Event, None]:
        (utterance,) = utterances
        self.asked.append(utterance)
        self.sounded.append(self._sounding)
        self.live += 1
        self.most = max(self.most, self.live)
        try:
            if "fail" in utterance.text:
                raise EngineFailure("It broke.")
            if "break" in utterance.text:
                raise ZeroDivisionError
            if "slow" in utterance.text:
                await asyncio.sleep(0.02)
            self._sounding += 1
            yield Audio(0, 0, np.full(WINDOW, 0.25, np.float32))
            if "hold" in utterance.text:
                await asyncio.Event().wait()
            yield PieceDone(0, 0, 30, StopReason.STOP_CODE)
        finally:
            self.live -= 1


class Site:
    def __init__(self, **environ: str) -> None:
        self.reader = Reader()
        config = ServerConfig.from_env({"XTTS_MAX_TEXT": "500", **environ})
        app = FastAPI()
        app.include_router(router)
        voices = VoiceLibrary(Path("references"))
        planner = Planner(config, self.reader, voices, LanguageDetector())
        app.state.config, app.state.synthesis = config, Synthesis(planner, self.reader, timeout=60)
        self.ending = app.state.ending = asyncio.Event()
        limit = parse(environ["XTTS_RATE_LIMIT"]) if "XTTS_RATE_LIMIT" in environ else None
        app.add_middleware(RateLimits, requests=limit, characters=None, store="memory")
        app.add_middleware(AuthenticationMiddleware, backend=KeyBackend(config.api_keys), on_error=refuse_caller)
        app.add_middleware(ErrorBodies)
        self.client = TestClient(app)

    def connect(self, path: str = "/generate/live", **headers: str) -> WebSocketTestSession:
        return self.client.websocket_connect(path, headers=headers)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with site.client:  # one event loop for all
        yield site


def send(socket: WebSocketTestSession, kind: str, **fields: Any) -> None:
    socket.send_json({"type": kind, **fields})


def until(socket: WebSocketTestSession, *kinds: str) -> tuple[list[dict[str, Any]], bytes]:
    """Events up to the first of these kinds, and the audio that came before it."""
    events: list[dict[str, Any]] = []
    audio = b""
    while not events or events[-1]["type"] not in kinds:
        message = socket.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        if message.get("bytes") is not None:
            audio += message["bytes"]
        else:
            events.append(json.loads(message["text"]))
    return events, audio


def closing_code(socket: WebSocketTestSession) -> int:
    """Reads on until the server closes."""
    with pytest.raises(WebSocketDisconnect) as closed:
        until(socket, "never")
    return closed.value.code


TEXT = "Once upon a time, there was a king. He had three sons. Each was wiser than the one before."


def test_text_is_spoken_as_it_comes(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en", seed=7)
        for word in TEXT.split(" "):
            send(socket, "text", text=f"{word} ")
        begun, _ = until(socket, "segment_began")  # before the text is whole
        assert TEXT[slice(*begun[-1]["span"])] == "Once upon a time, there was a king."
        send(socket, "flush")
        events, rest = until(socket, "utterance_ended")
        pieces = [utterance.text for utterance in site.reader.asked]
        assert " ".join(pieces) == TEXT
        assert {utterance.seed for utterance in site.reader.asked} == {7}
        ended = [event for event in events if event["type"] == "segment_ended"]
        assert [TEXT[slice(*event["span"])] for event in ended] == pieces
        assert [event["segment"] for event in ended] == list(range(len(pieces)))
        assert events[-1] == {
            "type": "utterance_ended",
            "utterance": 0,
            "characters": len(TEXT) + 1,
            "seconds": len(pieces) * WINDOW / RATE,
        }
        assert ended[-1]["end"] == events[-1]["seconds"]
        assert len(rest) == 2 * WINDOW * len(pieces)


def test_many_utterances_a_connection_each_a_file(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", output_format="mp3")
        for number in range(3):
            send(socket, "text", text="How do you do?")
            send(socket, "flush")
            events, audio = until(socket, "utterance_ended")
            assert {event["utterance"] for event in events} == {number}
            assert len(soundfile.read(io.BytesIO(audio))[0]) == pytest.approx(WINDOW, abs=3000)
        send(socket, "close")
        assert closing_code(socket) == 1000


def test_close_says_what_is_left(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", output_format="opus")
        send(socket, "text", text="Good bye.")
        send(socket, "close")
        events, audio = until(socket, "utterance_ended")
        assert audio.startswith(b"OggS")
        assert len(events) == 3


def test_cancel_frees_the_slots_and_says_how_far_it_got(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(
            socket, "text", text="Hold on to it, or hold it. hold this sentence as well. And hold the rest of it. hold"
        )
        until(socket, "segment_began")
        send(socket, "cancel", played=0.25)
        events, _ = until(socket, "cancelled")
        assert site.reader.live == 0
        assert events[-1]["utterance"] == 0
        assert 0 < events[-1]["characters_spoken"] < 20
        send(socket, "text", text="Yes, I am listening.")
        send(socket, "flush")
        events, audio = until(socket, "utterance_ended")
        assert events[-1]["utterance"] == 1
        assert len(audio) == 2 * WINDOW


def test_what_was_said_whole_counts_whole(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="This sentence is said. But hold this one, hold it. And")
        until(socket, "segment_ended")
        until(socket, "segment_began")
        assert socket.receive()["bytes"]  # what was not sent cannot have been heard
        send(socket, "cancel", played=WINDOW / RATE + 0.1)
        events, _ = until(socket, "cancelled")
        assert len("This sentence is said.") < events[-1]["characters_spoken"] < len("This sentence is said. But hold")


def test_what_was_sent_whole_can_be_cancelled_while_it_plays(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="This sentence is said. And this one is said, too.")
        send(socket, "flush")
        until(socket, "utterance_ended")
        send(socket, "cancel", played=WINDOW / RATE)
        told = until(socket, "cancelled")[0][-1]
        assert told == {"type": "cancelled", "utterance": 0, "characters_spoken": len("This sentence is said.")}


def test_utterances_are_heard_one_after_the_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(track, "time", SimpleNamespace(monotonic=lambda: clock.now))
    texts = ["This sentence is said.", "And this one, too."]
    for elapsed, utterance in ((0.45, 0), (0.75, 1), (1.5, 1)):
        with site.connect() as socket:
            send(socket, "start", voice="Demo Low", language="en")
            for text in texts:
                send(socket, "text", text=text)
                send(socket, "flush")
                until(socket, "utterance_ended")
            clock.now += elapsed
            send(socket, "cancel")
            told = until(socket, "cancelled")[0][-1]
            heard = min(1.0, elapsed / 0.5 - utterance)
            assert (told["utterance"], told["characters_spoken"]) == (utterance, int(heard * len(texts[utterance])))


def test_cancel_after_close(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="Please hold on to this sentence.")
        send(socket, "close")
        send(socket, "text", text="It is too late for this.")
        until(socket, "segment_began")
        send(socket, "cancel", played=0)
        assert until(socket, "cancelled")[0][-1]["characters_spoken"] == 0
        assert socket.receive()["code"] == 1000
    assert len(site.reader.asked) == 1
    assert site.reader.live == 0


def test_what_was_sent_is_said_before_the_server_ends(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="This sentence is said. And this one")
        until(socket, "segment_ended")
        site.ending.set()
        send(socket, "text", text=" is no more.")  # wakes the event loop, too
        events, _ = until(socket, "utterance_ended")
        assert events[-1]["characters"] == len("This sentence is said. And this one")
        assert socket.receive()["code"] == 1012


def test_the_server_does_not_wait_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "DRAIN", 0.05)
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="Hold on to this sentence. And the next")
        until(socket, "segment_began")
        site.ending.set()
        send(socket, "flush")
        assert closing_code(socket) == 1012
    assert site.reader.live == 0


@pytest.mark.parametrize(("text", "code"), [("It is said.", 1000), ("Please hold on to this.", 1012)])
def test_the_server_ends_after_a_close(site: Site, monkeypatch: pytest.MonkeyPatch, text: str, code: int) -> None:
    monkeypatch.setattr(session, "DRAIN", 0.05)
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text=text)
        send(socket, "close")
        until(socket, "segment_began")
        site.ending.set()
        send(socket, "flush")  # wakes the event loop
        assert closing_code(socket) == code
    assert site.reader.live == 0


@pytest.mark.parametrize(
    ("format", "rate", "size"),
    [("pcm", 8000, 2), ("mulaw", None, 1), ("alaw", 8000, 1)],
)
def test_formats_of_telephony(site: Site, format: str, rate: int | None, size: int) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", output_format=format, sample_rate=rate)
        send(socket, "text", text="How do you do?")
        send(socket, "flush")
        assert len(until(socket, "utterance_ended")[1]) == size * WINDOW // 3


def test_only_some_pieces_are_decoded_ahead(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="hold on to this sentence. " * 10)
        until(socket, "segment_began")
        send(socket, "cancel")
        until(socket, "cancelled")
        assert site.reader.most <= AHEAD
        assert site.reader.live == 0


def test_the_next_piece_begins_when_the_one_before_sounds(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="This sentence comes slowly. " * 4)
        send(socket, "flush")
        until(socket, "utterance_ended")
    assert site.reader.sounded == [0, 1, 2, 3]


def test_leaving_frees_the_slots(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="hold on to this sentence. And the next")
        until(socket, "segment_began")
        assert site.reader.live == 1
    assert site.reader.live == 0


def test_an_utterance_that_fails_ends_no_connection(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low")
        send(socket, "text", text="This is to fail.")
        send(socket, "flush")
        events, audio = until(socket, "error")
        assert (events[-1]["utterance"], events[-1]["error"]["type"], audio) == (0, EngineFailure.type, b"")
        send(socket, "text", text="This is not.")
        send(socket, "flush")
        assert until(socket, "utterance_ended")[0][-1]["utterance"] == 1


def test_an_unforeseen_fault_ends_no_connection(site: Site) -> None:
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low")
        send(socket, "text", text="This is to break.")
        send(socket, "close")
        assert until(socket, "error")[0][-1]["error"]["type"] == "engine_failure"
        assert socket.receive()["code"] == 1000


def test_an_unforeseen_fault_of_the_connection_is_told_by_its_code(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.OurDialect, "audio", lambda *_: 1 / 0)
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low")
        send(socket, "text", text="How do you do?")
        send(socket, "flush")
        until(socket, "segment_began")
        assert socket.receive()["code"] == 1011


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ("no json", None),
        ("[]", None),
        ("[" * 100_000, None),
        ('{"type": ' * 5000, None),
        ('{"type": "sing"}', "type"),
        ('{"type": "\\ud800"}', "type"),
        ('{"type": "text", "text": "\\ud800"}', "text"),
        ('{"type": "text"}', "text"),
        ('{"type": "text", "text": 5}', "text"),
        ('{"type": "cancel", "played": true}', "played"),
        ('{"type": "start", "output_format": "wav"}', "output_format"),
        ('{"type": "start", "speed": 9}', "speed"),
        ('{"type": "start", "subtitles": "srt"}', "subtitles"),
        ('{"type": "start", "output_format": "mulaw", "sample_rate": 16000}', "sample_rate"),
        (json.dumps({"type": "text", "text": "a" * 501}), "text"),
    ],
)
def test_what_is_wrong_is_told_and_ends_it(site: Site, sent: str, param: str | None) -> None:
    with site.connect() as socket:
        socket.send_text(sent)
        error = socket.receive_json()["error"]
        assert error["type"] == "invalid_request"
        assert error["param"] == param
        assert socket.receive()["code"] == 1008


def test_silence_on_both_sides_ends_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "IDLE", 0.05)
    with site.connect() as socket:
        assert socket.receive_json()["type"] == "idle"
        assert socket.receive()["code"] == 1000


def test_silence_counts_from_what_was_sent_last_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, float]] = []

    class Watched(session.OurDialect):
        def event(self, event: Mapping[str, Any]) -> str:
            written.append((event["type"], asyncio.get_running_loop().time()))
            return super().event(event)

    monkeypatch.setattr(routes, "OurDialect", Watched)
    monkeypatch.setattr(session, "IDLE", 0.1)
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low", language="en")
        send(socket, "text", text="This sentence comes slowly. " * 4)
        send(socket, "flush")
        until(socket, "idle")
    times = dict(written)
    assert times["idle"] - times["utterance_ended"] >= 0.1


def test_what_is_unsaid_is_said_before_an_idle_connection_closes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "IDLE", 0.05)
    with site.connect() as socket:
        send(socket, "start", voice="Demo Low")
        send(socket, "text", text="Good bye")
        events, audio = until(socket, "idle")
        assert [event["type"] for event in events[-2:]] == ["utterance_ended", "idle"]
        assert len(audio) == 2 * WINDOW
        assert socket.receive()["code"] == 1000


class TestKeys:
    def test_by_header(self) -> None:
        site = Site(XTTS_API_KEYS=KEY)
        with site.connect(authorization=f"Bearer {KEY}") as socket:
            send(socket, "text", text="Hi!")
            send(socket, "close")
            until(socket, "utterance_ended")
        with pytest.raises(WebSocketDisconnect), site.connect(authorization="Bearer wrong"):
            pass

    def test_by_the_first_message(self) -> None:
        site = Site(XTTS_API_KEYS=KEY)
        with site.connect() as socket:
            send(socket, "start", key=KEY)
            send(socket, "text", text="Hi!")
            send(socket, "close")
            until(socket, "utterance_ended")

    @pytest.mark.parametrize("first", [{"type": "text", "text": "Hi!"}, {"type": "start", "key": "wrong"}])
    def test_without_a_right_one_nothing_is_said(self, first: dict[str, str]) -> None:
        site = Site(XTTS_API_KEYS=KEY)
        with site.connect() as socket:
            socket.send_json(first)
            assert socket.receive_json()["error"]["type"] == "unauthorized"
            assert socket.receive()["code"] == 1008
        assert site.reader.asked == []

    @pytest.mark.parametrize("path", ["/generate/live", "/v1/text-to-speech/Demo Low/stream-input"])
    def test_what_a_stranger_says_leaves_nothing_in_the_log(self, path: str, caplog: pytest.LogCaptureFixture) -> None:
        with Site(XTTS_API_KEYS=KEY).connect(path) as socket:
            socket.send_text("[" * 100_000)
            assert "nested too deeply" in socket.receive_text()
            assert socket.receive()["code"] == 1008
        assert "Traceback" not in caplog.text

    def test_who_says_nothing_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session, "STRANGER", 0.05)
        with Site(XTTS_API_KEYS=KEY).connect() as socket:
            assert socket.receive_json() == {"type": "idle", "seconds": 0.05}

    def test_other_paths_want_it_in_a_header(self) -> None:
        with pytest.raises(WebSocketDisconnect), Site(XTTS_API_KEYS=KEY).connect("/elsewhere"):
            pass

    def test_connections_count_as_requests(self) -> None:
        site = Site(XTTS_RATE_LIMIT="1/hour")
        with site.client:
            with site.connect() as socket:
                send(socket, "close")
            with site.connect() as socket:
                assert socket.receive_json()["error"]["type"] == "rate_limited"


@pytest.mark.parametrize(("origin", "allowed"), [("http://testserver", True), ("https://elsewhere.example", False)])
def test_pages_of_other_sites_may_not_connect(site: Site, origin: str, allowed: bool) -> None:
    if allowed:
        with site.connect(origin=origin) as socket:
            send(socket, "close")
    else:
        with pytest.raises(WebSocketDenialResponse), site.connect(origin=origin):
            pass


class TestElevenLabs:
    path = "/v1/text-to-speech/Demo Low/stream-input?model_id=any&output_format=pcm_24000"

    def test_their_messages(self, site: Site) -> None:
        with site.connect(self.path) as socket:
            socket.send_json({"text": " ", "voice_settings": {"stability": 0.5, "speed": 1.5}, "xi_api_key": "any"})
            for part in ("Once upon a time, ", "there was a king. ", "He had "):
                socket.send_json({"text": part, "try_trigger_generation": True})
            first = socket.receive_json()
            assert first["isFinal"] is False
            socket.send_json({"text": "three sons. "})
            socket.send_json({"text": ""})
            answers = [first]
            while not answers[-1]["isFinal"]:
                answers.append(socket.receive_json())
            audio = b"".join(base64.b64decode(answer["audio"]) for answer in answers[:-1])
            assert answers[-1]["audio"] is None
            assert len(audio) == 2 * WINDOW * len(site.reader.asked)
            assert {utterance.speed for utterance in site.reader.asked} == {1.5}
            assert socket.receive()["code"] == 1000

    def test_a_space_of_its_own_parts_words(self, site: Site) -> None:
        with site.connect(self.path) as socket:
            for part in ("Hello", " ", "world.", ""):
                socket.send_json({"text": part})
            while not socket.receive_json()["isFinal"]:
                pass
        assert [utterance.text for utterance in site.reader.asked] == ["Hello world."]

    @pytest.mark.parametrize("sent", ["[" * 100_000, '{"text": "\\ud800"}', '{"text": 7}'])
    def test_what_is_wrong_is_told_and_ends_it(self, site: Site, sent: str) -> None:
        with site.connect(self.path) as socket:
            socket.send_text(sent)
            assert socket.receive_json()["error"] == "invalid_request"
            assert socket.receive()["code"] == 1008

    def test_their_key(self) -> None:
        site = Site(XTTS_API_KEYS=KEY)
        with site.client:
            with site.connect(self.path, **{"xi-api-key": KEY}) as socket:
                socket.send_json({"text": ""})
                assert socket.receive()["code"] == 1000
            with site.connect(self.path) as socket:
                socket.send_json({"text": " ", "xi_api_key": KEY})
                socket.send_json({"text": ""})
                assert socket.receive_json() == {"audio": None, "isFinal": True}
                assert socket.receive()["code"] == 1000

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ("mp3_44100_128", ("mp3", 44_100)),
            ("pcm_16000", ("pcm", 16_000)),
            ("opus_48000_32", ("opus", 48_000)),
            ("ulaw_8000", ("mulaw", 8_000)),
        ],
    )
    def test_their_formats(self, theirs: str, ours: tuple[str, int]) -> None:
        assert tuple(read_format(theirs).values()) == ours

    @pytest.mark.parametrize(
        "theirs", ["wav_24000", "pcm", "mp3_11025_32", "opus_44100_32", "auto", "pcm_" + 5000 * "9"]
    )
    def test_a_format_that_is_not_had(self, site: Site, theirs: str) -> None:
        with (
            pytest.raises(WebSocketDenialResponse) as refusal,
            site.connect(self.path.replace("pcm_24000", theirs)),
        ):
            pass
        assert refusal.value.status_code == 422
