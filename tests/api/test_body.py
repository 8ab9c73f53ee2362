"""What is wrong with a body, a parameter or a message is explained, at every depth, and never in pydantic's words."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.body import MOST_FAULTS, _schema
from api.compatible.xtts_api_server import router as xtts_api_server
from api.error_bodies import UNREADABLE, ErrorBodies
from api.jobs import routes as jobs
from api.jobs.schemas import LongRequest
from api.live.messages import Cancel, Close, Flush, Start, Text, parse
from api.openai.routes import router as openai
from api.openai.schemas import SpeechRequest
from api.playback import router as playback
from api.responses import refuse_invalid
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest
from api.wording import EXPLAINED
from runners.errors import InvalidInput

PYDANTICS = (
    "input should",
    "input tag",
    "discriminator",
    "string should",
    "extra inputs",
    "field required",
    "unable to parse",
    "valid dictionary",
    "value error",
)
MESSAGES = (Start, Text, Flush, Cancel, Close)
MODELS = (SimpleRequest, SegmentedRequest, StreamRequest, SpeechRequest, LongRequest)


def faults(model: Any, body: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return {".".join(map(str, fault["loc"])): fault["msg"] for fault in caught.value.errors()}


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({}, "text", '"text" is missing; right is a string'),
        ([], "", "an array of 0 is not right; right is an object"),
        ({"text": 7}, "text", "7 is not right; right is a string that is not empty"),
        ({"text": "a", "txet": "b"}, "txet", '"txet" does not belong here; did you mean "text"?'),
        ({"text": "a", "speed": 9}, "speed", "9 is not right; right is a number from 0.25 to 4"),
        ({"text": "a", "seed": 1.5}, "seed", "1.5 is not right; right is a whole number from 0 to 4294967295"),
        ({"text": "a", "output_format": "mp33"}, "output_format", '"mp33" is not right; right is one of mp3, wav'),
        ({"text": "a", "temperature": 0.001}, "temperature", "must be 0 (greedy) or at least 0.01"),
    ],
)
def test_a_body_is_explained(body: Any, where: str, words: str) -> None:
    assert faults(SimpleRequest, body)[where].startswith(words)


def test_parts_keep_their_path_and_know_their_own_fields() -> None:
    body = {"segments": [{"text": "a"}, {"text": "b", "pause_aftr": 1}, {"txt": "c"}], "voise": "x"}
    assert faults(SegmentedRequest, body) == {
        "segments.1.pause_aftr": '"pause_aftr" does not belong here; did you mean "pause_after"?',
        "segments.2.text": '"text" is missing; right is a string that is not empty',
        "segments.2.txt": '"txt" does not belong here; did you mean "text"?',
        "voise": '"voise" does not belong here; did you mean "voice"?',
    }


def test_the_work_is_bounded_however_many_faults_there_are() -> None:
    before = _schema.cache_info().misses
    wrong = [{"id": f"s{number}", "text": "a", "speed": 9} for number in range(MOST_FAULTS)]
    assert len(faults(LongRequest, {"samples": wrong})) == MOST_FAULTS
    assert _schema.cache_info().misses - before <= 2  # one for each model, and not for each fault
    crowd = {f"x{number}": 1 for number in range(5000)}
    assert faults(SimpleRequest, {"text": "a", **crowd})[""].startswith("an object of 5001 fields; there are: ")
    assert faults(LongRequest, {"samples": [crowd]})["samples.0"].startswith("an object of 5000 fields; there are: ")


def are_ours(words: str) -> bool:
    return not any(phrase in words.lower() for phrase in PYDANTICS)


FIELDS = sorted({name for model in (*MODELS, *MESSAGES) for name in model.model_fields})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "x"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MODELS), st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES, max_size=6))
@example(SegmentedRequest, {"segments": [{"voice": False}]})
def test_no_body_gets_pydantics_words(model: Any, body: Any) -> None:
    try:
        model.model_validate(body)
    except ValidationError as error:
        for fault in error.errors():
            assert EXPLAINED in fault["ctx"]
            assert are_ours(fault["msg"]), fault


KINDS = st.sampled_from(["start", "text", "flush", "cancel", "close", "strat", 7, None, "\ud800"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES, max_size=6) | st.fixed_dictionaries({"type": KINDS}))
@example({"type": "cancel", "played": -1})
@example({"type": "start", "subtitles": "srt"})
@example({"type": "start", "trim_silence": "yes"})
@example({"type": "start", "voice": "\ud800"})
@example({"type": "start", "\ud800": 1})
def test_no_message_gets_pydantics_words(message: Any) -> None:
    told = ""
    try:
        parse(message)
    except InvalidInput as error:
        told = error.message
    assert are_ours(told), told


@pytest.mark.parametrize(
    ("message", "param", "words"),
    [
        ({"type": "strat"}, "type", 'type: "strat" is not right; did you mean "start"?'),
        ({"type": 7}, "type", "type: 7 is not right; there are: cancel, close, flush, start, text"),
        ({}, "type", 'type: "type" is missing; right is one of start, text, flush, cancel, close'),
        ({"type": "cancel", "played": -1}, "played", "played: -1 is not right; right is a number of at least 0"),
        ({"type": "start", "subtitles": "srt"}, "subtitles", 'subtitles: "srt" is not right; right is null: leave it'),
        ({"type": "start", "trim_silence": "yes"}, "trim_silence", 'trim_silence: "yes" is not right; right is true'),
        ({"type": "start", "key": 7}, "key", "key: 7 is not right; right is a string"),
        ({"type": "text", "text": 7}, "text", "text: 7 is not right; right is a string"),
        ({"type": "flush", "voise": 1}, "voise", 'voise: "voise" does not belong here; there are: type'),
    ],
)
def test_a_message_is_explained(message: Any, param: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(message)
    assert caught.value.message.startswith(words)
    assert caught.value.param == param


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.state.jobs = app.state.openai = app.state.synthesis = app.state.xtts_api_server = None
    app.dependency_overrides[jobs._caller] = lambda: "anna"
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    for router in (jobs.router, openai, playback, xtts_api_server):
        app.include_router(router)
    app.add_middleware(ErrorBodies)
    return TestClient(app)


@pytest.mark.parametrize(
    ("method", "path", "headers", "param", "words"),
    [
        ("GET", "/generate/long?limit=abc", {}, "limit", '"abc" is not right; right is a whole number from 1 to 1000'),
        ("GET", "/generate/long?limit=0", {}, "limit", '"0" is not right; right is a whole number from 1 to 1000'),
        ("GET", "/generate/long/status", {}, "task_id", '"task_id" is missing; right is a string'),
        ("POST", "/generate/long/submit", {"idempotency-key": ""}, "Idempotency-Key", '"" is not right; right is a st'),
        ("POST", "/generate/long/submit", {"idempotency-key": "k" * 300}, "Idempotency-Key", '"kkk'),
        ("GET", "/v1/audio/voices?legacy=maybe", {}, "legacy", '"maybe" is not right; right is true or false'),
        ("GET", "/generate/stream?text=a&speed=abc", {}, "speed", '"abc" is not right; right is a number from 0.25'),
        ("GET", "/generate/stream?text=", {}, "text", '"" is not right; right is a string of 1 to 4096 characters'),
        ("GET", "/tts_stream", {}, "text", '"text" is missing; right is a string'),
    ],
)
def test_no_parameter_gets_pydantics_words(
    client: TestClient, method: str, path: str, headers: dict[str, str], param: str, words: str
) -> None:
    body = {"samples": [{"id": "a", "text": "b"}]} if method == "POST" else None
    error = client.request(method, path, headers=headers, json=body).json()["error"]
    assert error["message"].startswith(f"{param}: {words}")
    assert error["param"] == param
    assert are_ours(error["message"])


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"input": ' * 5000 + b"1" + b"}" * 5000, b'"\xff"'])
def test_a_body_that_cannot_be_read_is_told_so(client: TestClient, body: bytes) -> None:
    answer = client.post("/generate/long/submit", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"] == {"type": "invalid_request", "message": UNREADABLE, "param": None}


@pytest.mark.parametrize("field", ["stream", "normalize"])
def test_openais_booleans_are_no_strings(field: str) -> None:
    assert faults(SpeechRequest, {"input": "a", field: "yes"})[field] == '"yes" is not right; right is true or false'
