"""Files that grow: whole at the end, early at the start, and never taken back."""

import io
import struct
import subprocess
import time
from threading import Thread

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from api.audio.encoders import FfmpegEncoder, Stream
from api.audio.formats import CODECS, encode, encoder, quantise

RATE = 24000
WINDOW = 8192 - 240  # samples that the engine's first window leaves behind the fades
DELAYS = {"mp3": 1105, "aac": 1024}  # samples of silence before the sound, where no header says so

Samples = NDArray[np.float32]


def speech_like(samples: int) -> Samples:
    t = np.arange(samples) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20))
    return (0.3 * np.clip(np.sin(2 * np.pi * 2.3 * t), 0, None) * voice).astype(np.float32)


def grown(format: str, parts: list[Samples]) -> bytes:
    data: list[bytes] = []
    growing = encoder(format, RATE, Stream(data.append))
    for part in parts:
        growing.feed(quantise(part))
    growing.end()
    assert all(data)
    return b"".join(data)


def decode(data: bytes, format: str = "") -> Samples:
    kind = {"pcm": "s16le", "mulaw": "mulaw", "alaw": "alaw"}.get(format)
    raw = ["-f", kind, "-ar", str(RATE), "-ac", "1"] if kind else []
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        *raw,
        "-i",
        "pipe:0",
        "-f",
        "f32le",
        "-ar",
        str(RATE),
        "-",
    ]
    return np.frombuffer(subprocess.run(command, input=data, capture_output=True, check=True).stdout, "<f4")


@pytest.mark.parametrize("format", CODECS)
@given(cuts=st.lists(st.integers(0, 40_000), max_size=8))
@settings(max_examples=6, deadline=None)
def test_however_it_is_cut_the_sound_is_the_whole(format: str, cuts: list[int]) -> None:
    speech = speech_like(40_000)
    data = grown(format, np.split(speech, sorted(cuts)))
    if format == "pcm":
        assert data == encode(speech, "pcm", RATE)
        return
    got = decode(data, format)
    delay = DELAYS.get(format, 0)
    assert 0 <= len(got) - delay - len(speech) <= (0 if not delay else 2 * 1152)  # no tail is lost
    got = got[delay : delay + len(speech)]
    floor = {"wav": 70, "flac": 70, "opus": 15}.get(format, 25)
    assert 10 * np.log10(np.sum(speech**2) / np.sum((speech - got) ** 2)) > floor


def test_libsndfile_reads_a_streamed_mp3_whole() -> None:
    """It reckons the length from the first frame: with a variable bit rate it read two thirds of this."""
    speech = np.concatenate([np.zeros(20_000, np.float32), speech_like(60_000), np.zeros(20_000, np.float32)])
    got, _ = soundfile.read(io.BytesIO(grown("mp3", np.split(speech, [5_000, 30_000]))))
    assert 0 <= len(got) - DELAYS["mp3"] - len(speech) <= 2 * 1152


def test_a_flac_stream_has_small_blocks() -> None:
    smallest, largest = struct.unpack(">HH", grown("flac", [speech_like(40_000)])[8:12])
    assert (smallest, largest) == (1152, 1152)


@pytest.mark.parametrize("kind", ["whole", "streamed"])
def test_mp3s_are_joined_byte_by_byte(kind: str) -> None:
    speech = speech_like(30_000)
    one = encode(speech, "mp3", RATE) if kind == "whole" else grown("mp3", np.split(speech, [9_000]))
    got = decode(one * 5)
    assert 5 * len(speech) <= len(got) <= 5 * (len(speech) + 4 * 1152)


def test_wav_says_that_it_has_no_end() -> None:
    data = grown("wav", [speech_like(1000)])
    assert (data[4:8], data[40:44]) == (b"\xff" * 4, b"\xff" * 4)
    assert data[44:] == encode(speech_like(1000), "pcm", RATE)


@pytest.mark.parametrize("format", CODECS)
def test_the_first_window_leaves_before_the_second_comes(format: str) -> None:
    data = bytearray()
    growing = encoder(format, RATE, Stream(data.extend))
    growing.feed(quantise(speech_like(WINDOW)))
    patience = time.monotonic() + 20  # a child process takes its time
    while (there := len(decode(bytes(data), format)) if data else 0) < WINDOW / 2 and time.monotonic() < patience:
        time.sleep(0.05)
    growing.abandon()
    assert there > WINDOW / 2


@pytest.mark.parametrize("format", ["mp3", "flac", "opus", "aac"])
def test_no_audio_is_still_a_file(format: str) -> None:
    data = grown(format, [])
    assert np.abs(decode(data)).max(initial=0) < 1e-4
    if format in ("mp3", "opus"):
        assert len(soundfile.read(io.BytesIO(data))[0]) >= 1


def test_no_audio_is_exactly_none_where_that_can_be_said() -> None:
    assert grown("pcm", []) == b""
    assert len(grown("wav", [])) == 44


def test_an_abandoned_child_ends_even_beside_a_feed_that_it_does_not_read() -> None:
    growing = FfmpegEncoder(["sleep", "60"], Stream(lambda _: None))

    def feed() -> None:
        with pytest.raises(BrokenPipeError):
            growing.feed(np.zeros(10**6, np.int16))

    feeding = Thread(target=feed)
    feeding.start()
    growing.abandon()
    feeding.join(10)
    assert not feeding.is_alive()


def test_a_child_that_fails_is_told() -> None:
    growing = FfmpegEncoder(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-f", "nonsense", "-"], Stream(id)
    )
    with pytest.raises((subprocess.CalledProcessError, BrokenPipeError)):
        growing.end()
