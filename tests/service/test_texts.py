"""Texts as they are sent: pauses, respellings, nothing to say, and what would be read."""

import io
import itertools
import json

import numpy as np
import pytest
import soundfile

from tests.service.server import Server

RATE = 24_000


@pytest.mark.parametrize("route", ["/generate/simple", "/generate/segmented"])
def test_a_pause_in_a_text_is_exact_silence(server: Server, route: str) -> None:
    text = 'Egy.[pause:1.5s] Kettő.<break time="300ms"/>Három.'
    body = {"text": text} if route.endswith("simple") else {"segments": [{"text": text}], "trim_silence": False}
    with server.client() as client:
        answer = client.post(route, json={**body, "output_format": "wav", "seed": 1, "language": "hu"})
    assert answer.status_code == 200, answer.text
    spans = [[round(each * RATE) for each in span] for span in json.loads(answer.headers["X-Segments"])]
    assert [start - end for (_, end), (start, _) in itertools.pairwise(spans)] == [36_000, 7_200]
    samples, _ = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert not np.any(samples[spans[0][1] : spans[1][0]])
    assert answer.headers["X-Language"] == "hu"


@pytest.mark.parametrize("text", [".", "---", "😊", "  "])
def test_nothing_to_say_is_a_moment_of_silence(server: Server, text: str) -> None:
    with server.client() as client:
        simple = client.post("/generate/simple", json={"text": text, "output_format": "wav"})
        stream = client.post("/generate/stream", json={"text": text, "output_format": "pcm"})
        openai = client.post("/v1/audio/speech", json={"model": "tts-1", "input": text, "voice": "alloy"})
        empty = client.post("/generate/simple", json={"text": ""})
    assert [simple.status_code, stream.status_code, openai.status_code, empty.status_code] == [200, 200, 200, 422]
    assert simple.headers["X-Nothing-To-Say"] == "true"
    assert float(simple.headers["X-Audio-Duration"]) == pytest.approx(0.2)
    assert stream.content == bytes(2 * RATE // 5)


def test_a_text_is_read_as_it_would_be_written_in_words(server: Server) -> None:
    def audio(**body: object) -> bytes:
        with server.client() as client:
            answer = client.post("/generate/simple", json={"seed": 5, "output_format": "pcm", "language": "hu", **body})
        assert answer.status_code == 200, answer.text
        return answer.content

    words = audio(text="három harmadikán")
    assert audio(text="**3** 3-án") == words
    assert audio(text="3 SQL", pronunciations={"SQL": "harmadikán"}) == words
    assert audio(text="3 3-án", normalize=False) != words


def test_what_would_be_read(server: Server) -> None:
    with server.client() as client:
        answer = client.post("/normalize", json={"text": "Ma **3 Ft**.[pause:1s] SQL", "language": "hu"})
        unknown = client.post("/normalize", json={"text": "a", "language": "xx"})
    assert answer.json()["text"] == "Ma három forint. eskúel"
    assert answer.json()["spans"][:2] == [[0, 3, 0, 3], [3, 15, 5, 9]]
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (422, "language")


def test_pauses_have_a_limit(server: Server) -> None:
    with server.client() as client:
        long = client.post("/generate/simple", json={"text": "a[pause:61s]b"})
        many = client.post("/generate/simple", json={"text": "a[pause:60s]" * 12})
        parts = client.post("/generate/segmented", json={"segments": [{"text": "a[pause:60s]"}] * 12})
    assert (long.status_code, long.json()["error"]["param"]) == (422, "text")
    assert (many.status_code, many.json()["error"]["param"]) == (422, "text")
    assert (parts.status_code, parts.json()["error"]["param"]) == (422, "segments")
