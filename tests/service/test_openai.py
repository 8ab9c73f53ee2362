"""OpenAI's own client against a running server: every parameter of its speech call, and every error it knows."""

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import soundfile

from tests.service.server import ROOT, Server, serving
from tests.service.test_errors import idle, until
from tests.service.test_stream import DELAYS, FORMATS, LONG, RATE, close, decode

KEY, REQUESTS = "sk-the-operators", 150  # of one caller
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Jó napot kívánok mindenkinek!"}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    environ = {
        "XTTS_CACHE_DIR": str(cache_dir),
        "XTTS_SLOTS": "4",
        "XTTS_API_KEYS": f"{KEY},sk-limited",
        "XTTS_RATE_LIMIT": f"{REQUESTS}/hour",
        "XTTS_MAX_TEXT": "4000",
        "XTTS_OPENAI_VOICES": "nova=Demo High",
    }
    with serving(tmp_path_factory.mktemp("openai-server"), environ) as running:
        yield running


def client(server: Server, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=120)


def pcm(server: Server, **fields: Any) -> np.ndarray:
    with client(server) as ai:
        return np.frombuffer(ai.audio.speech.create(**{**SPEECH, "response_format": "pcm", **fields}).content, "<i2")


def ours(server: Server, **fields: Any) -> httpx.Response:
    body = {"text": SPEECH["input"], "language": "auto", "output_format": "pcm", **fields}
    answer = httpx.post(
        f"{server.url}/generate/simple", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=120
    )
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(open_server: Server, format: str) -> None:
    with client(open_server) as ai:
        answer = ai.audio.speech.with_raw_response.create(**SPEECH, response_format=format)
    assert answer.headers["content-type"] == ("audio/pcm" if format == "pcm" else FORMATS[format])
    assert answer.headers["x-language"] == "hu"
    seed = int(answer.headers["x-seed"])
    expected = np.frombuffer(ours(open_server, seed=seed).content, "<i2")
    got = decode(answer.content, format)
    assert 0 <= len(got) - DELAYS.get(format, 0) - len(expected) <= 2 * 1152
    if format in ("wav", "pcm", "flac"):
        assert close(np.rint(got * 32767).astype(np.int16), expected)


def test_mp3_is_the_default_and_the_language_is_found_out(open_server: Server) -> None:
    with client(open_server) as ai:
        answer = ai.audio.speech.with_raw_response.create(**{**SPEECH, "input": "Where is the nearest pharmacy?"})
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["x-language"] == "en"


def test_streaming_and_writing_to_a_file(open_server: Server, tmp_path: Path) -> None:
    body = {**SPEECH, "input": LONG[:190], "response_format": "pcm", "speed": 0.25}
    with client(open_server) as ai, ai.audio.speech.with_streaming_response.create(**body) as response:
        chunks = list(response.iter_bytes())
    assert len(chunks) > 3
    with client(open_server) as ai, ai.audio.speech.with_streaming_response.create(**SPEECH) as response:
        response.stream_to_file(tmp_path / "speech.mp3")
    assert len(decode((tmp_path / "speech.mp3").read_bytes(), "mp3")) > RATE / 2


async def test_the_asynchronous_client(open_server: Server) -> None:
    async with openai.AsyncOpenAI(base_url=f"{open_server.url}/v1", api_key=KEY, max_retries=0, timeout=120) as ai:
        answers = await asyncio.gather(*(ai.audio.speech.create(**SPEECH) for _ in range(3)))
        assert all(len(decode(answer.content, "mp3")) > RATE / 2 for answer in answers)
        streaming = ai.audio.speech.with_streaming_response
        async with streaming.create(**SPEECH, response_format="wav") as response:
            data = b"".join([chunk async for chunk in response.iter_bytes()])
        assert len(decode(data, "wav")) > RATE / 2
        assert "tts-1" in [model.id async for model in ai.models.list()]


async def test_a_client_that_hangs_up_frees_its_slots(open_server: Server) -> None:
    async with openai.AsyncOpenAI(base_url=f"{open_server.url}/v1", api_key=KEY, max_retries=0, timeout=120) as ai:
        body = {**SPEECH, "input": LONG, "response_format": "pcm", "speed": 0.25}
        async with ai.audio.speech.with_streaming_response.create(**body) as response:
            async for _ in response.iter_bytes():
                assert open_server.slots()["live"] > 0
                break
    await until(open_server, live=0, waiting=0)


def test_events(open_server: Server) -> None:
    body = {**SPEECH, "response_format": "wav", "stream_format": "sse"}
    with client(open_server) as ai, ai.audio.speech.with_streaming_response.create(**body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        seed = int(response.headers["x-seed"])
        events = [json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line]
    *deltas, done = events
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    audio = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    expected = np.frombuffer(ours(open_server, seed=seed).content, "<i2")
    assert close(np.frombuffer(audio[44:], "<i2"), expected)
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["input_tokens"] == len(SPEECH["input"])
    assert usage["output_tokens"] == pytest.approx(len(expected) / RATE * 21.5, abs=3)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def seed_and_samples(server: Server, **fields: Any) -> tuple[int, np.ndarray]:
    with client(server) as ai:
        answer = ai.audio.speech.with_raw_response.create(**{**SPEECH, "response_format": "pcm", **fields})
    return int(answer.headers["x-seed"]), np.frombuffer(answer.content, "<i2")


@pytest.mark.parametrize(
    ("theirs", "meant"),
    [
        ({"voice": "onyx"}, {"voice": "default"}),  # one of OpenAI's that nobody has mapped
        ({"voice": "nova"}, {"voice": "Demo High"}),
        ({"voice": "Demo Low"}, {"voice": "Demo Low"}),
        ({"voice": {"id": "default"}}, {"voice": "default"}),
        ({"speed": 4.0}, {"speed": 4}),
        ({"speed": 0.25}, {"speed": 0.25}),
        ({"instructions": "Say it as a QUESTION, please."}, {"style": "question"}),
        ({"instructions": "Speak like a pirate; be questionable."}, {}),
        ({"model": "tts-1-hd"}, {}),
        ({"model": "gpt-4o-mini-tts-2025-12-15"}, {}),
        ({"model": "hum", "extra_body": {"lang_code": "hu"}}, {}),
        ({"voice": "NOVA"}, {"voice": "Demo High"}),
        ({"voice": "Alloy", "model": "kokoro"}, {}),
        ({"model": "Demo Low", "voice": openai.omit}, {"voice": "Demo Low"}),  # LibreChat's LocalAI provider
        ({"model": "nova", "voice": openai.omit}, {"voice": "Demo High"}),
        ({"model": None, "voice": None, "speed": None, "instructions": None}, {}),
        ({"response_format": "PCM"}, {}),
        ({"voice": "Default(2)+NOVA"}, {"voice": "default(2)+Demo High"}),
        ({"extra_body": {"language": "en"}}, {"language": "en"}),
        ({"extra_body": {"style": {"question": 1, "neutral": 2}}}, {"style": {"question": 1, "neutral": 2}}),
        ({"extra_body": {"normalize": False, "seed": -1}, "input": "1984"}, {"normalize": False, "text": "1984"}),
        ({"extra_body": {"pronunciations": {"napot": "estét"}}}, {"pronunciations": {"napot": "estét"}}),
        ({"instructions": '{"language": "en", "style": "question"}'}, {"language": "en", "style": "question"}),
    ],
)
def test_what_the_fields_mean(open_server: Server, theirs: dict[str, Any], meant: dict[str, Any]) -> None:
    seed, samples = seed_and_samples(open_server, **theirs)
    assert close(samples, np.frombuffer(ours(open_server, seed=seed, **meant).content, "<i2"))


def test_the_seed_is_taken_as_a_field_and_inside_of_instructions(open_server: Server) -> None:
    expected = np.frombuffer(ours(open_server, seed=77).content, "<i2")
    for fields in ({"extra_body": {"seed": 77}}, {"instructions": json.dumps({"seed": 77})}):
        seed, samples = seed_and_samples(open_server, **fields)
        assert seed == 77
        assert close(samples, expected)


def test_an_unknown_voice_is_told_all_names(open_server: Server) -> None:
    with client(open_server) as ai, pytest.raises(openai.BadRequestError) as unknown:
        ai.audio.speech.create(**{**SPEECH, "voice": "nobody"})
    for name in ("default", "Demo Low", "nova", "alloy", "verse"):
        assert name in unknown.value.message


@pytest.mark.parametrize(("format", "at"), [("wav", 40), ("flac", None)])
def test_a_file_that_is_not_streamed_has_its_true_length(open_server: Server, format: str, at: int | None) -> None:
    body = {**SPEECH, "response_format": format}
    extra: dict[str, Any] = {"stream": False} if format == "wav" else {}  # FLAC: nothing has to be said
    with client(open_server) as ai:
        answer = ai.audio.speech.with_raw_response.create(**body, extra_body=extra)
    assert int(answer.headers["content-length"]) == len(answer.content)
    samples, rate = soundfile.read(io.BytesIO(answer.content))
    assert len(samples) / rate == pytest.approx(float(answer.headers["x-audio-duration"]), abs=1e-3)
    if at:
        assert int.from_bytes(answer.content[at : at + 4], "little") == len(answer.content) - 44


def test_the_same_route_by_all_its_names(open_server: Server) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Host": "evil.example"}
    with open_server.client() as http:
        for path in ("/audio/speech", "/v1/v1/audio/speech", "/v1/audio/speech/", "//v1/audio/speech"):
            answer = http.post(path, json={**SPEECH, "response_format": "pcm"}, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/pcm"), path
        wrong = http.post("/audio/speech", json={**SPEECH, "voice": "nobody"}, headers=headers)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "voice_not_found")


def test_lists_need_no_key_but_a_wrong_one_is_refused(open_server: Server) -> None:
    with open_server.client() as http:
        assert http.get("/audio/voices").json() == http.get("/v1/audio/voices").json()
        assert {"id": "default", "name": "default"} in http.get("/v1/audio/voices").json()["voices"]
        assert "Demo Low" in http.get("/v1/audio/voices?legacy=true").json()["voices"]
        assert {"id": "tts-1", "name": "tts-1"} in http.get("/v1/audio/models").json()["models"]
        assert "tts-1" in http.get("/v1/audio/models?legacy=true").json()["models"]
        assert http.get("/v1/models").json()["data"][0]["id"] == "hum"
        assert http.get("/v1/models", headers={"Authorization": "Bearer sk-wrong"}).status_code == 401
        assert http.post("/v1/audio/voices").status_code == 401
        assert http.get("/v1/models/tts-1").status_code == 401


def test_openais_way_to_make_a_voice(open_server: Server) -> None:
    sample = (ROOT / "references" / "default" / "neutral.flac").read_bytes()
    with client(open_server) as ai:
        made = ai.audio.voices.create(
            name="recorded", audio_sample=("a.flac", sample, "audio/flac"), consent="consent_1"
        )
        assert (made.id, made.name, made.object) == ("recorded", "recorded", "audio.voice")
        with pytest.raises(openai.BadRequestError):
            ai.audio.voices.create(name="recorded", audio_sample=("a.flac", sample, "audio/flac"), consent="consent_1")
        assert len(ai.audio.speech.create(**{**SPEECH, "voice": "recorded"}).content) > 1000


def test_models_and_voices(open_server: Server) -> None:
    with client(open_server) as ai:
        models = [model.id for model in ai.models.list()]
        assert models == ["hum", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
        assert ai.models.retrieve("tts-1").object == "model"
        with pytest.raises(openai.NotFoundError) as missing:
            ai.models.retrieve("gpt-4")
        assert missing.value.code == "model_not_found"
        voices = ai.get("/audio/voices", cast_to=dict[str, Any])["voices"]
    assert {"id": "default", "name": "default"} in voices
    assert {"Demo Low", "Demo High", "nova"} <= {voice["id"] for voice in voices}


@pytest.mark.parametrize(
    ("fields", "error", "code", "param"),
    [
        ({"voice": "nobody"}, openai.BadRequestError, "voice_not_found", "voice"),
        ({"voice": {"name": "alloy"}}, openai.BadRequestError, None, "voice"),
        ({"input": ""}, openai.BadRequestError, None, "input"),
        ({"input": "ქართული"}, openai.BadRequestError, None, "input"),  # the runner refuses this one
        ({"input": "a" * 4097}, openai.BadRequestError, None, "input"),
        ({"input": "a" * 4001}, openai.BadRequestError, None, "input"),  # XTTS_MAX_TEXT
        ({"speed": 5}, openai.BadRequestError, None, "speed"),
        ({"response_format": "midi"}, openai.BadRequestError, None, "response_format"),
        ({"stream_format": "xml"}, openai.BadRequestError, None, "stream_format"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors(
    open_server: Server, fields: dict[str, Any], error: type[openai.APIStatusError], code: str | None, param: str
) -> None:
    with client(open_server) as ai, pytest.raises(error) as caught:
        ai.audio.speech.create(**{**SPEECH, **fields})
    assert set(caught.value.body) == {"message", "type", "param", "code"}
    assert (caught.value.type, caught.value.code, caught.value.param) == ("invalid_request_error", code, param)
    assert caught.value.body["message"]


@pytest.mark.parametrize(
    ("field", "value"), [("input", r'"Titkos \ud800"'), ("speed", "NaN"), ("speed", "1e999"), ("voice", r'"\ud800"')]
)
def test_what_json_lets_through_and_is_no_value(open_server: Server, field: str, value: str) -> None:
    fields = {"model": '"tts-1"', "voice": '"alloy"', "input": '"Titkos"', field: value}
    body = "{" + ", ".join(f'"{name}": {each}' for name, each in fields.items()) + "}"
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    with open_server.client() as client:
        answer = client.post("/v1/audio/speech", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert "Titkos" not in open_server.log.read_text()


def test_the_longest_input_is_openais(open_server: Server, server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=180) as ai:
        body = {**SPEECH, "input": "a b. " * 819 + "?", "response_format": "pcm"}  # 4096 characters
        with ai.audio.speech.with_streaming_response.create(**body) as response:
            assert next(response.iter_bytes())
    asyncio.run(idle(server))


def test_errors_of_the_server_around_it(open_server: Server) -> None:
    with client(open_server, "sk-wrong") as ai, pytest.raises(openai.AuthenticationError) as wrong:
        ai.audio.speech.create(**SPEECH)
    assert (wrong.value.type, wrong.value.code) == ("invalid_request_error", "invalid_api_key")
    bearer = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with open_server.client() as http:
        http.headers.update(bearer)
        for answer, status, code in (
            (http.post("/v1/chat/completions", json={}), 404, "unknown_url"),
            (http.get("/v1/audio/speech"), 405, "method_not_supported"),
            (http.post("/v1/audio/speech", content=b" " * 10_000_000), 413, "request_too_large"),
            (http.post("/v1/audio/speech", content=b"{not json"), 400, None),
            (http.post("/v1/audio/speech", content=b"{}", headers={"content-encoding": "gzip"}), 415, None),
            (http.post("/v1/audio/speech", json=[]), 400, None),
        ):
            assert answer.status_code == status, answer.text
            assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
            assert (answer.json()["error"]["type"], answer.json()["error"]["code"]) == ("invalid_request_error", code)
        assert http.post("/generate/simple", json={}).json()["error"].keys() == {"type", "message", "param"}


def test_a_limit_that_is_reached(open_server: Server) -> None:
    with client(open_server, "sk-limited") as ai:
        for _ in range(REQUESTS):
            ai.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            ai.models.list()
    assert (refused.value.type, refused.value.code) == ("rate_limit_error", "rate_limit_exceeded")
    assert int(refused.value.response.headers["retry-after"]) > 0
