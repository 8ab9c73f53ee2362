"""What an answer is taken for: speech where it is whole, else an error, in the server's own words."""

import httpx
import pytest

from api.batch.answer import Failure, SampleError, read_answer

HEADERS = {"X-Seed": "5", "X-Audio-Duration": "1.25", "X-Sample-Rate": "24000"}


def test_speech_has_all_its_facts() -> None:
    answer = httpx.Response(200, headers={**HEADERS, "X-Segments": "[[0,0.5],[1.0,1.25]]"}, content=b"sound")

    speech = read_answer(answer)

    assert (speech.audio, speech.seed, speech.duration, speech.sample_rate) == (b"sound", 5, 1.25, 24000)
    assert speech.spans == [(0.0, 0.5), (1.0, 1.25)]


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
def test_speech_that_lacks_something_is_none(change: dict[str, str | None], content: bytes) -> None:
    headers = {name: value for name, value in {**HEADERS, **change}.items() if value is not None}

    with pytest.raises(SampleError) as caught:
        read_answer(httpx.Response(200, headers=headers, content=content))

    assert caught.value.failure.type == "bad_answer"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (
            httpx.Response(422, json={"error": {"type": "t", "message": "m", "param": "segments[0].text"}}),
            Failure("t", "m", "segments[0].text", 422),
        ),
        (httpx.Response(400, json={"error": {"type": 1, "message": None}}), Failure("1", "None", None, 400)),
        (httpx.Response(500, json=[{"error": "x"}]), Failure("http_error", '[{"error":"x"}]', status=500)),
        (httpx.Response(500, json={"error": "x"}), Failure("http_error", '{"error":"x"}', status=500)),
        (httpx.Response(502, text="<h1>" + "x" * 999), Failure("http_error", "<h1>" + "x" * 196, status=502)),
        (httpx.Response(500), Failure("http_error", "no reason given", status=500)),
        (
            httpx.Response(308, headers={"Location": "https://there"}),
            Failure("http_error", "https://there", status=308),
        ),
    ],
)
def test_an_error_keeps_the_words_it_came_with(answer: httpx.Response, failure: Failure) -> None:
    with pytest.raises(SampleError) as caught:
        read_answer(answer)

    assert caught.value.failure == failure
