"""Each format is read back by a decoder that had no part in writing it, and compared with what went in."""

import io
import struct
import subprocess
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from api.audio.formats import CODECS, encode, media_type, rate_of
from runners.errors import EngineFailure

RATE = 24000
STEP = 1 / 32767
COMPRESSED = ["mp3", "flac", "opus", "aac"]
AAC_DELAY = AAC_FRAME = 1024

Samples = NDArray[np.float32]


def speech_like(seconds: float, seed: int = 0) -> Samples:
    """Voiced syllables with gaps: a gliding tone rich in harmonics under an envelope, and a little noise."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (120 * t + 15 * np.sin(2 * np.pi * 0.7 * t))
    voice = sum(np.sin(k * phase) / k for k in range(1, 25))
    envelope = np.clip(np.sin(2 * np.pi * 2.3 * t), 0, None)
    return (0.35 * envelope * voice + 0.003 * random.standard_normal(len(t))).astype(np.float32)


def sndfile_decode(data: bytes) -> Samples:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate == RATE
    assert samples.ndim == 1
    return samples


def ffmpeg_decode(data: bytes, folder: Path, format: str) -> Samples:
    """Through a file, not a pipe: ffmpeg honours the padding of an MP3 only where it can seek."""
    file = folder / f"speech.{format}"
    file.write_bytes(data)
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        file,
        "-f",
        "f32le",
        "-ar",
        str(RATE),
        "-",
    ]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<f4")


def snr(wanted: Samples, got: Samples) -> float:
    """dB, with no alignment and no gain allowed for."""
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)))


def best_lag(wanted: Samples, got: Samples) -> int:
    size = 2 * max(len(wanted), len(got))
    correlation = np.fft.irfft(np.fft.rfft(got, size) * np.conj(np.fft.rfft(wanted, size)), size)
    lag = int(correlation.argmax())
    return lag if lag < size // 2 else lag - size


@pytest.mark.parametrize(("format", "floor"), [("mp3", 25), ("flac", 75), ("opus", 15), ("wav", 75)])
def test_libsndfile_gives_back_the_same_samples(format: str, floor: float) -> None:
    speech = speech_like(3.21)
    decoded = sndfile_decode(encode(speech, format, RATE))
    assert len(decoded) == len(speech)
    assert snr(speech, decoded) > floor


@pytest.mark.parametrize(("format", "floor"), [("mp3", 25), ("flac", 75), ("opus", 15), ("wav", 75)])
def test_ffmpeg_gives_back_the_same_samples(format: str, floor: float, tmp_path: Path) -> None:
    speech = speech_like(3.21)
    decoded = ffmpeg_decode(encode(speech, format, RATE), tmp_path, format)
    assert len(decoded) == len(speech)
    assert snr(speech, decoded) > floor


def test_aac_is_one_frame_late_and_otherwise_whole(tmp_path: Path) -> None:
    speech = speech_like(3.21)
    decoded = ffmpeg_decode(encode(speech, "aac", RATE), tmp_path, "aac")
    assert best_lag(speech, decoded) == AAC_DELAY
    spoken = decoded[AAC_DELAY:]
    assert 0 <= len(spoken) - len(speech) < AAC_FRAME
    assert snr(speech, spoken[: len(speech)]) > 25


def test_aac_is_adts_at_the_right_rate() -> None:
    data = encode(speech_like(0.5), "aac", RATE)
    assert data[0] == 0xFF
    assert data[1] & 0xF6 == 0xF0  # sync word, layer 0
    assert (data[2] >> 2) & 0xF == 6  # 24 kHz
    assert (data[2] & 1) << 2 | data[3] >> 6 == 1  # mono


def test_mp3_header_counts_what_a_gapless_decoder_drops() -> None:
    speech = speech_like(1.0)
    data = encode(speech, "mp3", RATE)
    tag = data.index(b"Xing")
    (frames,) = struct.unpack(">I", data[tag + 8 : tag + 12])
    lame = data.index(b"LAME", tag)
    packed = int.from_bytes(data[lame + 21 : lame + 24])
    assert frames * 576 - (packed >> 12) - (packed & 0xFFF) == len(speech)


def test_opus_is_an_ogg_stream() -> None:
    data = encode(speech_like(0.5), "opus", RATE)
    assert data.startswith(b"OggS")
    head = data.index(b"OpusHead")
    assert data[head + 9] == 1  # channel
    assert struct.unpack("<I", data[head + 12 : head + 16]) == (RATE,)


@given(samples=st.integers(0, 3000), rate=st.sampled_from([8000, 22050, 24000, 48000]))
@settings(max_examples=30, deadline=None)
def test_wav_header_is_right(samples: int, rate: int) -> None:
    data = encode(np.zeros(samples, np.float32), "wav", rate)
    assert struct.unpack("<I", data[4:8]) == (len(data) - 8,)
    with wave.open(io.BytesIO(data)) as file:
        assert file.getparams()[:4] == (1, 2, rate, samples)
        assert len(file.readframes(samples + 1)) == 2 * samples
    byte_rate, align, bits = struct.unpack("<IHH", data[28:36])  # the wave module does not look at these
    assert (byte_rate, align, bits) == (2 * rate, 2, 16)


@given(length=st.integers(1, 5000), seed=st.integers(0, 99), loudness=st.sampled_from([1e-4, 0.1, 1.0]))
@settings(max_examples=30, deadline=None)
def test_lossless_formats_are_within_half_a_step(length: int, seed: int, loudness: float) -> None:
    samples = np.random.default_rng(seed).uniform(-loudness, loudness, length).astype(np.float32)
    pcm = encode(samples, "pcm", RATE)
    values = np.frombuffer(pcm, "<i2")
    assert np.abs(values * STEP - samples).max() <= 0.502 * STEP  # float32 itself is that coarse
    for format in ("wav", "flac"):
        read, rate = soundfile.read(io.BytesIO(encode(samples, format, RATE)), dtype="int16")
        assert rate == RATE
        assert np.array_equal(read, values)


def test_too_loud_is_clipped_and_never_wraps() -> None:
    samples = np.array([1.0, -1.0, 1.5, -7.0, 0.0, 0.5 * STEP, -1.6 * STEP], np.float32)
    assert np.frombuffer(encode(samples, "pcm", RATE), "<i2").tolist() == [
        32767,
        -32767,
        32767,
        -32767,
        0,
        0,
        -2,
    ]


@pytest.mark.parametrize("format", CODECS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_never_gets_out(format: str, bad: float) -> None:
    samples = speech_like(0.1)
    samples[100] = bad
    with pytest.raises(EngineFailure, match="not numbers"):
        encode(samples, format, RATE)


@pytest.mark.parametrize("format", COMPRESSED)
def test_no_audio_is_still_a_file(format: str, tmp_path: Path) -> None:
    data = encode(np.zeros(0, np.float32), format, RATE)
    decoded = ffmpeg_decode(data, tmp_path, format) if format == "aac" else sndfile_decode(data)
    assert len(decoded) == (AAC_DELAY + AAC_FRAME if format == "aac" else 1)
    assert np.abs(decoded).max() < STEP


def test_no_audio_is_exactly_none_where_that_can_be_said() -> None:
    assert encode(np.zeros(0, np.float32), "pcm", RATE) == b""
    assert len(sndfile_decode(encode(np.zeros(0, np.float32), "wav", RATE))) == 0


@pytest.mark.parametrize("length", [1, 2, 575, 577])
@pytest.mark.parametrize("format", ["mp3", "flac", "opus", "wav"])
def test_very_short_audio_keeps_its_length(format: str, length: int) -> None:
    assert len(sndfile_decode(encode(speech_like(1.0)[:length], format, RATE))) == length


@pytest.mark.parametrize("format", CODECS)
def test_threads_do_not_disturb_each_other(format: str) -> None:
    utterances = [speech_like(0.4 + 0.1 * i, seed=i) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda speech: encode(speech, format, RATE), utterances))
    for data, speech in zip(together, utterances, strict=True):
        alone = encode(speech, format, RATE)
        if format == "opus":  # an Ogg stream gets a random serial number
            assert np.array_equal(sndfile_decode(data), sndfile_decode(alone))
        else:
            assert data == alone


def test_media_types() -> None:
    assert {format: media_type(format, RATE) for format in CODECS} == {
        "mp3": "audio/mpeg",
        "wav": "audio/wav",
        "flac": "audio/flac",
        "opus": "audio/ogg; codecs=opus",
        "aac": "audio/aac",
        "pcm": "audio/pcm;rate=24000;channels=1;encoding=s16le",
        "mulaw": "audio/PCMU;rate=24000",
        "alaw": "audio/PCMA;rate=24000",
    }


@pytest.mark.parametrize("format", ["mulaw", "alaw"])
def test_telephony_is_g711(format: str) -> None:
    """A byte a sample, a logarithm: the error grows with the level."""
    speech = speech_like(1.0)
    data = encode(speech, format, 8000)
    assert len(data) == len(speech)
    raw = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", format, "-ar", "8000", "-i", "-", "-f", "f32le", "-"]
    got = np.frombuffer(subprocess.run(raw, input=data, capture_output=True, check=True).stdout, "<f4")
    assert 10 * np.log10(np.sum(speech**2) / np.sum((speech - got) ** 2)) > 35


@pytest.mark.parametrize("format", CODECS)
def test_every_rate_that_a_format_takes(format: str, tmp_path: Path) -> None:
    for rate in CODECS[format].rates:
        data = encode(speech_like(0.5), format, rate)
        if format in ("wav", "flac", "opus", "mp3"):
            assert soundfile.info(io.BytesIO(data)).samplerate in (rate, 48_000)
            assert soundfile.info(io.BytesIO(data)).frames == pytest.approx(RATE / 2, abs=1)
        else:
            assert data


def test_the_rate_of_a_file() -> None:
    assert (rate_of("mp3", None, 24_000), rate_of("mp3", 16_000, 24_000)) == (24_000, 16_000)
    assert (rate_of("mulaw", None, 24_000), rate_of("alaw", None, 24_000)) == (8_000, 8_000)


def test_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        encode(speech_like(0.1), "mp2", RATE)
