"""Clips of every common kind become the same samples; what holds no voice is refused with its reason."""

import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runners.conditioning.clip import Clip, decode_clip
from runners.errors import UnreadableClip


def tone(seconds: float = 1.0, rate: int = 24_000, channels: int = 1) -> NDArray[np.float32]:
    """(time, channels); every channel has its own pitch and loudness."""
    time = np.arange(round(seconds * rate)) / rate
    pitches = [np.sin(2 * np.pi * 220 * (channel + 1) * time) / (channel + 2) for channel in range(channels)]
    return np.stack(pitches, axis=1).astype(np.float32)


def encoded(samples: NDArray[np.float32], rate: int, container: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def by_ffmpeg(samples: NDArray[np.float32], rate: int, file: Path, *options: str) -> bytes:
    """The samples in a format that soundfile does not write."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", "pipe:0", *options, str(file)]
    subprocess.run(command, input=encoded(samples, rate, "WAV", "FLOAT"), check=True)
    return file.read_bytes()


def first_half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def decode(raw: bytes) -> Clip:
    return decode_clip(raw, longest=31)


LOSSLESS = [
    ("WAV", "PCM_U8", 2**-7),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "PCM_32", 1e-7),
    ("WAV", "FLOAT", 1e-7),
    ("WAV", "DOUBLE", 1e-7),
    ("FLAC", "PCM_S8", 2**-7),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
    ("AIFF", "PCM_16", 2**-15),
]


@pytest.mark.parametrize(("container", "subtype", "step"), LOSSLESS)
def test_lossless_clips_come_back_within_one_step(container: str, subtype: str, step: float) -> None:
    samples = tone(channels=2)
    clip = decode(encoded(samples, 24_000, container, subtype))
    assert clip.rate == 24_000
    assert clip.samples.dtype == np.float32
    assert clip.samples.shape == (24_000,)
    np.testing.assert_allclose(clip.samples, samples.mean(axis=1), atol=step)


@given(channels=st.integers(1, 8), rate=st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 44_056]))
@settings(max_examples=15, deadline=None)
def test_any_rate_and_number_of_channels(channels: int, rate: int) -> None:
    samples = tone(0.5, rate, channels)
    clip = decode(encoded(samples, rate, "WAV", "FLOAT"))
    assert clip.rate == rate
    np.testing.assert_allclose(clip.samples, samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(("container", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_clips_that_soundfile_reads(container: str, subtype: str) -> None:
    samples = tone()
    clip = decode(encoded(samples, 24_000, container, subtype))
    assert clip.seconds == pytest.approx(1.0, abs=0.01)
    assert sounds_like(clip, samples)


BY_FFMPEG = [
    ("mp3", ()),
    ("m4a", ()),
    ("m4a", ("-c:a", "alac")),
    ("aac", ()),
    ("webm", ("-c:a", "libopus")),
    ("mka", ("-c:a", "libvorbis")),
    ("wma", ()),
    ("mp4", ()),
    ("caf", ("-c:a", "alac")),
    ("ogg", ("-c:a", "flac")),
]


@pytest.mark.parametrize(("ending", "options"), BY_FFMPEG)
def test_clips_that_ffmpeg_reads(tmp_path: Path, ending: str, options: tuple[str, ...]) -> None:
    samples = tone(rate=48_000)
    clip = decode(by_ffmpeg(samples, 48_000, tmp_path / f"clip.{ending}", *options))
    assert clip.seconds == pytest.approx(1.0, abs=0.1)
    assert sounds_like(clip, samples)


def sounds_like(clip: Clip, samples: NDArray[np.float32]) -> bool:
    """The same pitch and loudness: codecs shift and round."""
    spectrum = np.abs(np.fft.rfft(clip.samples)) / len(clip.samples)
    pitch = spectrum.argmax() * clip.rate / len(clip.samples)
    loudness = np.sqrt((clip.samples**2).mean() / (samples**2).mean())
    return abs(pitch - 220) < 2 and abs(loudness - 1) < 0.1


def test_an_mp3_without_an_index_is_heard_to_its_end(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (24_000, 1)).astype(np.float32)
    samples = np.concatenate([noise, tone(2)])  # the bit rate falls after the first second
    raw = by_ffmpeg(samples, 24_000, tmp_path / "clip.mp3", "-q:a", "2", "-write_xing", "0")
    assert decode(raw).seconds == pytest.approx(3, abs=0.1)


def test_a_flac_stream_that_does_not_know_its_length() -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-f", "flac", "pipe:1"]
    wav = encoded(tone(3), 24_000, "WAV", "PCM_16")
    raw = subprocess.run(command, input=wav, check=True, capture_output=True).stdout
    assert decode(raw).seconds == 3


def test_only_the_beginning_of_a_long_clip_is_decoded(tmp_path: Path) -> None:
    samples = tone(3)
    assert decode_clip(encoded(samples, 24_000, "FLAC", "PCM_16"), longest=2).seconds == 2
    assert decode_clip(by_ffmpeg(samples, 24_000, tmp_path / "clip.m4a"), longest=2).seconds == pytest.approx(
        2, abs=0.05
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "damaged, or no audio"),
        (b"these are words, not sounds. " * 500, "damaged, or no audio"),
        (np.random.default_rng(1).bytes(20_000), "damaged, or no audio"),
        (first_half(encoded(tone(3), 24_000, "FLAC", "PCM_16")), "damaged, or no audio"),
        (encoded(tone(0.32), 24_000, "WAV", "PCM_16"), "0.32 s long"),
        (encoded(tone(0), 24_000, "WAV", "PCM_16"), "0.00 s long"),
        (encoded(tone() * 0, 24_000, "WAV", "PCM_16"), "silent"),
        (encoded(tone() * 1e-3, 24_000, "WAV", "PCM_16"), "silent"),
        (encoded(np.full((24_000, 1), np.nan, np.float32), 24_000, "WAV", "FLOAT"), "not numbers"),
        (encoded(tone() + np.float32(np.inf), 24_000, "WAV", "FLOAT"), "not numbers"),
        (encoded(tone(), 500, "WAV", "PCM_16"), "sample rate is 500 Hz"),
    ],
)
def test_what_holds_no_voice_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(UnreadableClip, match=reason) as refused:
        decode(raw)
    assert "/" not in refused.value.message  # no path of the server


@pytest.mark.parametrize("container", ["WAV", "M4A"])
@pytest.mark.parametrize("rest", [0.0, 1e-3], ids=["digital silence", "hiss"])
@pytest.mark.parametrize("taken", [0, 1])
def test_of_stereo_with_one_silent_channel_the_other_one_is_taken(
    tmp_path: Path, container: str, rest: float, taken: int
) -> None:
    voice = tone()[:, 0]
    samples = np.zeros((len(voice), 2), np.float32)
    samples[:, taken] = voice
    samples[:, 1 - taken] = rest * np.random.default_rng(0).normal(size=len(voice))
    if container == "WAV":
        clip = decode(encoded(samples, 24_000, "WAV", "FLOAT"))
        assert np.array_equal(clip.samples, voice)
    else:
        clip = decode(by_ffmpeg(samples, 24_000, tmp_path / "clip.m4a", "-c:a", "alac"))
        np.testing.assert_allclose(clip.samples, voice, atol=2**-15)
    assert clip.channel == taken


@pytest.mark.parametrize("level", [0.02, 0.5, 1.0])
def test_of_stereo_with_two_voices_both_count(level: float) -> None:
    samples = tone(channels=2) * np.array([1, level], np.float32)
    clip = decode(encoded(samples, 24_000, "WAV", "FLOAT"))
    assert clip.channel is None
    np.testing.assert_allclose(clip.samples, samples.mean(axis=1), atol=1e-7)


def test_a_clip_that_is_not_to_be_cut_is_refused_where_it_is_longer(tmp_path: Path) -> None:
    samples = tone(2)
    files = [encoded(samples, 24_000, "FLAC", "PCM_16"), by_ffmpeg(samples, 24_000, tmp_path / "c.mka", "-c:a", "alac")]
    for raw in files:
        assert decode_clip(raw, longest=2, cut=False).seconds == 2
        with pytest.raises(UnreadableClip, match="longer than 1 s"):
            decode_clip(raw, longest=1, cut=False)


@pytest.mark.parametrize("container", ["WAV", "WV"])
def test_many_channels_are_refused(tmp_path: Path, container: str) -> None:
    samples = np.zeros((1000, 9), np.float32)
    raw = encoded(samples, 24_000, "WAV", "PCM_16")
    if container == "WV":
        raw = by_ffmpeg(samples, 24_000, tmp_path / "clip.wv")
    with pytest.raises(UnreadableClip, match="has 9 channels; at most 8"):
        decode(raw)


def test_the_caller_may_want_other_rates() -> None:
    raw = encoded(tone(), 24_000, "WAV", "PCM_16")
    with pytest.raises(UnreadableClip, match="24000 Hz; use one from 32000 to 48000 Hz"):
        decode_clip(raw, longest=2, rates=range(32_000, 48_001))
    assert decode_clip(raw, longest=2, rates=range(24_000, 24_001)).rate == 24_000


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    video = tmp_path / "silent.mp4"
    source = ["-f", "lavfi", "-i", "color=size=16x16:duration=1", "-c:v", "mpeg4"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(video)], check=True)
    with pytest.raises(UnreadableClip):
        decode(video.read_bytes())


def test_only_known_containers_reach_ffmpeg(tmp_path: Path) -> None:
    with pytest.raises(UnreadableClip):
        decode(by_ffmpeg(tone(), 24_000, tmp_path / "clip.nut"))


def test_a_playlist_cannot_reach_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded(tone(), 24_000, "WAV", "PCM_16"))
    for playlist in (
        f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
    ):
        with pytest.raises(UnreadableClip):
            decode(playlist.encode())


def test_equal_to_torchaudio_where_it_can_load(tmp_path: Path) -> None:
    file = tmp_path / "clip.wav"
    file.write_bytes(encoded(tone(channels=2), 24_000, "WAV", "PCM_24"))
    try:
        theirs, rate = torchaudio.load(file)
    except (ImportError, RuntimeError) as missing:
        pytest.skip(f"torchaudio.load needs the libraries of FFmpeg: {str(missing)[:60]}")
    ours = decode(file.read_bytes())
    assert ours.rate == rate
    torch.testing.assert_close(torch.from_numpy(ours.samples), theirs.mean(dim=0), rtol=0, atol=1e-7)
