"""One file of one request's events: the same audio whole and as a stream, and no more memory the longer it gets."""

import io
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from api.audio.encoders import Stream
from api.audio.formats import CODECS, encode
from api.audio.recording import AudioSpec, Recording
from runners.errors import EngineFailure
from runners.types import Audio, Event, PieceDone, StopReason
from tests.api.audio.signals import RATE, Samples, tone

ROOT = Path(__file__).parents[3]
DELAYS = {"mp3": 1105, "aac": 1024}  # samples of silence before the sound, where no header says so


def done(utterance: int = 0, reason: StopReason = StopReason.STOP_CODE) -> PieceDone:
    return PieceDone(utterance, 0, 30, reason)


def events_of(*utterances: Samples) -> list[Event]:
    return [event for number, each in enumerate(utterances) for event in (Audio(number, 0, each), done(number))]


def spec(format: str, *pauses: float, rate: int = RATE, trim: bool = False) -> AudioSpec:
    return AudioSpec(format, rate, pauses or (0.0,), trim)


def whole(audio: AudioSpec, events: list[Event]) -> tuple[bytes, Recording]:
    file = io.BytesIO()
    with Recording(audio, file) as recording:
        for event in events:
            recording.feed(event)
        recording.end()
    return file.getvalue(), recording


def decoded(data: bytes, format: str, folder: Path) -> Samples:
    """By ffmpeg, from a file: it honours the padding of an MP3 only where it can seek."""
    kind = {"pcm": "s16le", "mulaw": "mulaw", "alaw": "alaw"}.get(format)
    raw = ["-f", kind, "-ar", str(RATE), "-ac", "1"] if kind else []
    file = folder / f"file.{format}"
    file.write_bytes(data)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *raw, "-i", file, "-f", "s16le", "-ar", str(RATE), "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2")


@pytest.mark.parametrize("format", CODECS)
def test_a_whole_file_is_the_stream_collected_and_its_true_length(format: str, tmp_path: Path) -> None:
    sounds = [tone(0.4), tone(0.7, 0.9)]
    chunks: list[bytes] = []
    streamed = Recording(spec(format, 0.25, 0.5), Stream(chunks.append))
    for event in events_of(*sounds):
        streamed.feed(event)
    streamed.end()
    file, recording = whole(spec(format, 0.25, 0.5), events_of(*sounds))
    whole_audio, live_audio = decoded(file, format, tmp_path), decoded(b"".join(chunks), format, tmp_path)
    length = round(1.85 * RATE)
    assert recording.seconds == streamed.seconds == length / RATE
    assert len(whole_audio) == length if format != "aac" else len(whole_audio) >= length
    delay = DELAYS.get(format, 0) if format != "aac" else 0
    live_audio, whole_audio = live_audio[delay : delay + length], whole_audio[:length]
    if format == "mp3":  # a stream's bit rate is constant
        assert np.corrcoef(live_audio, whole_audio)[0, 1] > 0.999
    else:
        assert np.array_equal(live_audio, whole_audio)


@pytest.mark.parametrize("format", CODECS)
def test_a_file_on_disk_is_the_file_in_memory(format: str, tmp_path: Path) -> None:
    events = events_of(tone(0.4), tone(0.3))
    path = tmp_path / "file"
    with path.open("wb") as file, Recording(spec(format, 0.1, 0.0), file) as recording:
        for event in events:
            recording.feed(event)
        recording.end()
    in_memory = whole(spec(format, 0.1, 0.0), events)[0]
    if format == "opus":  # an Ogg stream gets a random serial number
        assert np.array_equal(decoded(path.read_bytes(), format, tmp_path), decoded(in_memory, format, tmp_path))
    else:
        assert path.read_bytes() == in_memory


@pytest.mark.parametrize("format", ["mp3", "wav", "flac", "aac", "pcm"])
@given(cuts=st.lists(st.integers(0, 20_000), max_size=5))
@settings(max_examples=5, deadline=None)
def test_a_file_does_not_depend_on_the_cuts(format: str, cuts: list[int]) -> None:
    samples = tone(20_000 / RATE)
    samples[:200] = samples[-200:] = 0
    parts: list[Event] = [Audio(0, 0, part) for part in np.split(samples, sorted(cuts))]
    assert whole(spec(format), [*parts, done()])[0] == encode(samples, format, RATE)


@given(
    lengths=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=6),
    rate=st.sampled_from([8000, 16_000, 22_050, 24_000, 44_100, 48_000, 192_000]),
)
@settings(max_examples=50, deadline=None)
def test_spans_are_exact_to_the_sample(lengths: list[tuple[int, int]], rate: int) -> None:
    pauses = [pause / rate for _, pause in lengths]
    _, recording = whole(spec("pcm", *pauses, rate=rate), events_of(*(np.ones(n, np.float32) for n, _ in lengths)))
    position = 0
    for (length, pause), (start, end) in zip(lengths, recording.spans, strict=True):
        assert (round(start * rate), round(end * rate)) == (position, position + length)
        position += length + pause
    assert round(recording.seconds * rate) == position


def test_it_counts_codes_and_what_was_cut() -> None:
    _, recording = whole(spec("pcm", 0.0, 0.0), [done(0, StopReason.LIMIT), done(1)])
    assert (recording.codes, recording.cut) == (60, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_the_engines_failure(bad: float) -> None:
    samples = tone(0.1)
    samples[1000] = bad
    with pytest.raises(EngineFailure, match="not numbers"):
        whole(spec("pcm"), events_of(samples))


def test_what_an_exception_ends_is_abandoned() -> None:
    def fail() -> None:
        with Recording(spec("aac"), io.BytesIO()) as recording:
            recording.feed(Audio(0, 0, tone(0.5)))
            opened.append(recording)
            raise KeyboardInterrupt

    opened: list[Recording] = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    with pytest.raises((BrokenPipeError, ValueError)):  # its child is gone
        opened[0].feed(Audio(0, 0, tone(0.5)))


SCRIPT = """
import resource, sys
import numpy as np
from api.audio.recording import AudioSpec, Recording
from runners.types import Audio, PieceDone, StopReason
format, path = sys.argv[1:]
noise = np.random.default_rng(0).normal(0, 0.1, 30 * 24_000).astype(np.float32)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def record(utterances):
    with open(path, "wb") as file, Recording(AudioSpec(format, 24_000, [60.0] * utterances, True), file) as recording:
        for number in range(utterances):
            recording.feed(Audio(number, 0, noise))
            recording.feed(PieceDone(number, 0, 1, StopReason.STOP_CODE))
        recording.end()
record(2)
before = peak()
record(40)
print(peak() - before)
"""


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_memory_does_not_grow_with_the_length(format: str, tmp_path: Path) -> None:
    """An hour of audio, two thirds of it pauses: 346 MB of float32."""
    path = tmp_path / "file"
    command = [sys.executable, "-c", SCRIPT, format, str(path)]
    kilobytes = int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert kilobytes < 20_000
    assert soundfile.info(path).frames > 3590 * 24_000
