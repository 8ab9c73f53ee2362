"""The generate routes over real HTTP: formats, headers, segments, seeds, concurrency."""

import asyncio
import base64
import io
import itertools
import json
import subprocess
import wave
import zipfile

import httpx
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from api.audio.mastering import loudness_of
from runners.xtts.int10.tile import HAS_BFLOAT16
from tests.service.server import Server
from tests.studio import LINES

STEP = 1  # of 16 bits
RATE = 24000
WORDS = [
    "egy",
    "kettő",
    "három",
    "négy",
    "öt",
    "hat",
    "hét",
    "nyolc",
    "kilenc",
    "tíz",
    "alma",
    "körte",
    "szilva",
    "barack",
]
FORMATS = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "pcm": "audio/pcm;rate=24000;channels=1;encoding=s16le",
}


def generate(server: Server, route: str, **body: object) -> httpx.Response:
    with server.client() as client:
        response = client.post(f"/generate/{route}", json=body)
    assert response.status_code == 200, response.text
    return response


def pcm(response: httpx.Response) -> NDArray[np.int16]:
    with wave.open(io.BytesIO(response.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def close(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    """Within a step, or 40 dB where the CPU has bfloat16: its rounding depends on the window's length."""
    limit = max(STEP, int(np.abs(one.astype(int)).max(initial=0)) // 100) if HAS_BFLOAT16 else STEP
    return one.shape == other.shape and int(np.abs(one.astype(int) - other).max(initial=0)) <= limit


@pytest.mark.parametrize("format", FORMATS)
def test_formats(server: Server, format: str) -> None:
    response = generate(server, "simple", text="Jó napot!", output_format=format, seed=1)
    assert response.headers["content-type"] == FORMATS[format]
    assert int(response.headers["x-sample-rate"]) == RATE
    duration = float(response.headers["x-audio-duration"])
    assert 0.3 < duration < 5
    if format == "pcm":
        samples = np.frombuffer(response.content, "<i2") / 32768
    elif format == "aac":
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "pipe:1"]
        decoded = subprocess.run(command, input=response.content, capture_output=True, check=True).stdout
        samples = np.frombuffer(decoded, "<i2") / 32768
    else:
        samples, rate = soundfile.read(io.BytesIO(response.content))
        samples = samples[:: rate // RATE]
    assert abs(len(samples) / RATE - duration) < 0.1
    assert 0.02 < np.abs(samples).max() < 1


def test_mp3_and_the_default_voice_are_the_defaults(server: Server) -> None:
    plain = generate(server, "simple", text="Jó napot!", seed=5)
    spelled = generate(server, "simple", text="Jó napot!", seed=5, output_format="mp3", voice="default", language="hu")
    assert plain.headers["content-type"] == "audio/mpeg"
    assert plain.content == spelled.content  # the default voice's own language is Hungarian


def test_the_same_seed_gives_the_same_audio_and_a_drawn_one_is_reported(server: Server) -> None:
    first = generate(server, "simple", text="Egy, kettő, három.", output_format="wav")
    again = generate(
        server, "simple", text="Egy, kettő, három.", output_format="wav", seed=int(first.headers["x-seed"])
    )
    other = generate(server, "simple", text="Egy, kettő, három.", output_format="wav")
    assert close(pcm(first), pcm(again))
    assert first.headers["x-seed"] != other.headers["x-seed"]
    assert not close(pcm(first), pcm(other))


def test_auto_finds_the_language_of_the_text(server: Server) -> None:
    german = {"text": "Der Zug nach Leipzig hat zwanzig Minuten Verspätung.", "seed": 3, "output_format": "wav"}
    found, said = (generate(server, "simple", language=language, **german) for language in ("auto", "de"))
    assert found.headers["x-language"] == said.headers["x-language"] == "de"
    assert close(pcm(found), pcm(said))
    assert generate(server, "simple", **german).headers["x-language"] == "hu"  # the voice's own, which is the default
    assert generate(server, "simple", text="1984", language="auto").headers["x-language"] == "hu"


def test_auto_is_for_each_segment(server: Server) -> None:
    segments = [
        {"text": "Where is the nearest pharmacy?"},
        {"text": "Kölcsey Ferenc."},
        {"text": "Kölcsey Ferenc.", "language": "PL-pl"},
        {"text": "今何時ですか。"},
    ]
    response = generate(server, "segmented", segments=segments, language="auto")
    assert response.headers["x-language"] == "en, hu, pl, ja"
    mixed = generate(
        server, "segmented", segments=[{"text": "Good morning!"}, {"text": "Good morning!", "language": "auto"}]
    )
    assert mixed.headers["x-language"] == "hu, en"


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Jó estét!"},
        {"voice": "Demo High"},
        {"style": "question"},
        {"style": {"neutral": 0.5, "question": 0.5}},
        {"language": "de"},
        {"seed": 8},
        {"speed": 1.5},
        {"temperature": 1.5},
        {"top_k": 1},
        {"top_p": 0.01},
        {"repetition_penalty": 1.0},
        {"temperature": 0},
    ],
    ids=str,
)
def test_every_field_changes_what_is_heard(server: Server, change: dict[str, object]) -> None:
    base = {"text": "Jó napot kívánok!", "output_format": "wav", "seed": 7}
    assert not close(pcm(generate(server, "simple", **base)), pcm(generate(server, "simple", **{**base, **change})))


def test_form_data_is_as_good_as_json(server: Server) -> None:
    expected = generate(server, "simple", text="1984", seed=1, style="question", trim_silence=True).content
    fields = {"text": "1984", "seed": "1", "style": "question", "trim_silence": "true"}
    with server.client() as client:
        assert client.post("/generate/simple", files={k: (None, v) for k, v in fields.items()}).content == expected
        assert client.post("/generate/simple", data=fields).content == expected
        segments = json.dumps([{"text": "1984", "style": {"question": 1}}])
        assert client.post("/generate/segmented", data={"segments": segments, "seed": 1}).content == expected


class TestSegmented:
    SEGMENTS = (
        {"text": "Ki írta az Egri csillagokat?", "pause_after": 0.5},
        {"text": "Lássuk a válaszokat.", "pause_after": 0.51237, "style": "excitement"},
        {"text": "Gárdonyi Géza.", "pause_after": 0, "seed": 99, "speed": 1.2},
        {"text": "Who knows.", "pause_after": 0.7, "voice": "Demo High", "language": "en"},
    )

    def test_it_equals_the_pieces_with_exact_pauses(self, server: Server) -> None:
        response = generate(server, "segmented", segments=self.SEGMENTS, output_format="wav", seed=3)
        whole = pcm(response)
        spans = json.loads(response.headers["x-segments"])
        assert len(spans) == len(self.SEGMENTS)
        at = 0
        for segment, (start, end) in zip(self.SEGMENTS, spans, strict=True):
            fields = {key: value for key, value in segment.items() if key != "pause_after"}
            solo = pcm(
                generate(server, "simple", **{"seed": 3, "output_format": "wav", "trim_silence": True, **fields})
            )
            assert start == pytest.approx(at / RATE, abs=6e-4)
            assert end == pytest.approx((at + len(solo)) / RATE, abs=6e-4)
            assert close(whole[at : at + len(solo)], solo)
            pause = round(float(segment["pause_after"]) * RATE)
            at += len(solo) + pause
            assert not whole[at - pause : at].any()
        assert at == len(whole)
        assert float(response.headers["x-audio-duration"]) == pytest.approx(at / RATE, abs=6e-4)

    def test_joins_do_not_click(self, server: Server) -> None:
        segments = [{"text": text} for _, text in LINES[4:9]]
        response = generate(
            server, "segmented", segments=segments, output_format="wav", language="en", trim_silence=False
        )
        samples = pcm(response).astype(int)
        for start, end in json.loads(response.headers["x-segments"]):
            for edge in (round(start * RATE), round(end * RATE)):
                near = samples[max(edge - 3, 0) : edge + 3]
                assert np.abs(np.diff(near)).max(initial=0) < 0.03 * 32768

    def test_silence_is_trimmed_unless_asked_not_to(self, server: Server) -> None:
        body = {"segments": [{"text": "Jó napot!"}], "output_format": "wav", "seed": 2}
        trimmed = pcm(generate(server, "segmented", **body))
        whole = pcm(generate(server, "segmented", **body, trim_silence=False))
        assert len(trimmed) < len(whole)

    def test_two_hundred_segments(self, server: Server) -> None:
        segments = [{"text": "Hé!", "pause_after": 0.01, "seed": index, "speed": 4} for index in range(200)]
        response = generate(server, "segmented", segments=segments, output_format="flac")
        spans = json.loads(response.headers["x-segments"])
        assert len(spans) == 200
        assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))


def test_a_text_over_the_models_limit_is_said_in_pieces(server: Server) -> None:
    sentence = "Ez egy hosszú mondat, amelyet többször is elmondunk egymás után. "
    short = float(generate(server, "simple", text=sentence, seed=1, speed=2).headers["x-audio-duration"])
    long = float(generate(server, "simple", text=sentence * 5, seed=1, speed=2).headers["x-audio-duration"])
    assert long > 4 * short


async def test_concurrent_requests_each_get_their_own_audio(server: Server) -> None:
    bodies = [
        {
            "text": WORDS[index % len(WORDS)],
            "voice": ("default", "Demo Low", "Demo High")[index % 3],
            "seed": index,
            "output_format": "wav",
        }
        for index in range(32)
    ]
    async with httpx.AsyncClient(base_url=server.url, timeout=240) as client:
        together = await asyncio.gather(*(client.post("/generate/simple", json=body) for body in bodies))
        assert [response.status_code for response in together] == [200] * 32
        assert len({response.content for response in together}) == 32
        for body, response in zip(bodies, together, strict=True):
            alone = await client.post("/generate/simple", json=body)
            assert close(pcm(alone), pcm(response)), body


async def test_more_requests_than_an_http_pool_holds(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=240, limits=httpx.Limits(max_connections=None)) as client:
        bodies = [{"text": "Hé!", "seed": index, "speed": 4} for index in range(130)]
        answers = await asyncio.gather(*(client.post("/generate/simple", json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [200] * 130


def test_what_an_answer_may_be_besides_its_file(server: Server) -> None:
    """JSON, subtitles, another rate and loudness; what a list of voices tells LiveKit's plugin; FLAC as it is made."""
    wish = {"text": "Jó napot kívánok! Kezdődjön a játék.", "language": "hu", "seed": 1, "output_format": "wav"}
    with server.client() as client:
        leveled = {**wish, "loudness": -20, "sample_rate": 16_000}
        asked = {"params": {"subtitles": "vtt"}, "headers": {"accept": "application/json"}}
        told = client.post("/generate/simple", json=leveled, **asked).json()
        zipped = client.post("/generate/stream", json={**wish, "subtitles": "srt"})
        voices = client.get("/voices").json()["voices"]
        flac = {"input": wish["text"], "language": "hu", "seed": 1, "response_format": "flac"}
        whole, streamed = (client.post("/v1/audio/speech", json={**flac, "stream": live}) for live in (False, True))
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(told["audio"])), dtype="float32")
    assert (rate, told["sample_rate"], told["format"], told["seed"]) == (16_000, 16_000, "wav", 1)
    assert told["duration"] == pytest.approx(len(samples) / rate, abs=0.001)
    assert loudness_of([samples], rate, rate) == pytest.approx(-20, abs=0.3)
    assert [each["text"] for each in told["segments"]] == ["Jó napot kívánok!", "Kezdődjön a játék."]
    assert told["subtitles"].startswith("WEBVTT")
    assert zipped.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive:
        assert archive.namelist() == ["audio.wav", "audio.srt"]
        assert "Kezdődjön a játék." in archive.read("audio.srt").decode()
    assert all(voice["voice_id"] == voice["name"] and voice["category"] for voice in voices)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-f", "s16le", "pipe:1"]
    decoded = subprocess.run(command, input=streamed.content, capture_output=True, check=True)
    assert not decoded.stderr
    expected, _ = soundfile.read(io.BytesIO(whole.content), dtype="int16")
    assert close(np.frombuffer(decoded.stdout, "<i2"), expected)
