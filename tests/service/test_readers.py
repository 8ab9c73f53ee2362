"""Every sample of an answer is read, by the tools that people read audio with, whole files and streams alike.

Tools that are not on this machine are left out: Debian's mpg123, mediainfo, sox with libsox-fmt-mp3, flac, opus-tools,
ffmpeg and chromium.
"""

import base64
import functools
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import mutagen
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Playwright, sync_playwright
from pydub import AudioSegment

from tests.service.server import Server
from tests.service.test_stream import say

TEXT = "Jó napot kívánok! Kezdődjön a játék! Ki írta az Egri csillagokat?"
RATE = 24_000
FORMATS = ("mp3", "wav", "flac", "opus", "aac")
PADDING = {"mp3": 1105 + 2 * 1152, "aac": 1024 + 2 * 1024, "opus": 480}  # samples that a reader may give besides

Reader = Callable[[Path], float]  # samples


def run(*command: str) -> bytes:
    """Some tell that a stream's header lacks what it cannot have, a length or a sum; no other tool may complain."""
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert command[0] in ("sox", "flac") or not done.stderr, done.stderr
    return done.stdout


def from_librosa(file: Path) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="PySoundFile failed")  # so it falls back to another reader
        return len(librosa.load(file, sr=None)[0])


def from_pydub(file: Path) -> float:
    segment = AudioSegment.from_file(file)
    return segment.frame_count() * RATE / segment.frame_rate


def from_ffmpeg(file: Path) -> float:
    return len(run("ffmpeg", "-v", "error", "-i", str(file), "-f", "s16le", "-ar", str(RATE), "-")) / 2


def from_sox(file: Path) -> float:
    if file.suffix == ".mp3" and b" mp3 " not in run("sox", "--help"):
        pytest.skip("sox has no libsox-fmt-mp3")
    return len(run("sox", str(file), "-t", "raw", "-e", "signed", "-b", "16", "-")) / 2


def from_flac(file: Path) -> float:
    raw = ("--force-raw-format", "--endian=little", "--sign=signed")
    return len(run("flac", "-s", "-d", "-c", *raw, str(file))) / 2


def from_opusdec(file: Path) -> float:
    target = file.with_suffix(".wav")
    run("opusdec", "--quiet", "--rate", "48000", str(file), str(target))
    return soundfile.info(target).frames / 2


def from_mediainfo(file: Path) -> float:
    return float(run("mediainfo", "--Inform=Audio;%Duration%", str(file)).split(b".")[0]) * RATE / 1000


def from_chromium(file: Path) -> float:
    decode = """async ([text, rate]) => {
      const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
      return (await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.buffer)).length;
    }"""
    page = chromium()[1].new_page()
    try:
        return float(page.evaluate(decode, [base64.b64encode(file.read_bytes()).decode(), RATE]))
    finally:
        page.close()


@functools.cache
def chromium() -> tuple[Playwright, Browser]:
    """Started once."""
    playwright = sync_playwright().start()
    return playwright, playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])


@pytest.fixture(scope="module", autouse=True)
def _chromium_ends() -> Iterator[None]:
    yield
    if chromium.cache_info().currsize:
        playwright, browser = chromium()
        browser.close()
        playwright.stop()
        chromium.cache_clear()


READERS: dict[str, tuple[tuple[str, ...], Reader]] = {  # by name: formats, and how
    "soundfile": (("mp3", "wav", "flac", "opus"), lambda file: len(soundfile.read(file)[0])),
    "librosa": (("mp3", "wav", "flac", "opus"), from_librosa),
    "mutagen": (("mp3", "wav", "flac", "opus"), lambda file: mutagen.File(file).info.length * RATE),
    "pydub": (FORMATS, from_pydub),
    "ffmpeg": (FORMATS, from_ffmpeg),
    "chromium": (FORMATS, from_chromium),
    "sox": (("mp3", "wav", "flac"), from_sox),
    "mpg123": (("mp3",), lambda file: len(run("mpg123", "-q", "-s", str(file))) / 2),
    "flac": (("flac",), from_flac),
    "opusdec": (("opus",), from_opusdec),
    "mediainfo": (("mp3", "wav", "flac", "opus"), from_mediainfo),
}
PROGRAMS = {"soundfile": None, "librosa": None, "mutagen": None, "pydub": "ffprobe"}  # that a package needs
# A stream cannot say how long it will be, and these believe its header; a file that is not streamed says it.
NEEDS_LENGTH = {
    ("soundfile", "flac"),
    ("librosa", "flac"),
    ("mutagen", "flac"),
    ("mutagen", "wav"),
    ("mediainfo", "flac"),
}
LOST = {("sox", "mp3"): 576}  # samples: libmad, which it reads MP3 by, leaves the last half frame away


def needs(reader: str) -> None:
    program = PROGRAMS.get(reader, reader)
    if program and not shutil.which(program):
        pytest.skip(f"no {program} here")


@pytest.fixture(scope="module")
def answers(server: Server) -> dict[tuple[str, str], bytes]:
    body = {"text": TEXT, "seed": 5}
    return {
        (kind, format): say(server, route, {**body, "output_format": format}).content
        for kind, route in (("whole", "simple"), ("streamed", "stream"))
        for format in (*FORMATS, "pcm", "mulaw", "alaw")
    } | {("whole", "pcm8"): say(server, "simple", {**body, "output_format": "pcm", "sample_rate": 8000}).content}


@pytest.mark.parametrize("kind", ["whole", "streamed"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_reads_every_sample(
    answers: dict[tuple[str, str], bytes], tmp_path: Path, reader: str, kind: str
) -> None:
    needs(reader)
    samples = len(answers[kind, "pcm"]) // 2
    formats, read = READERS[reader]
    for format in formats:
        if kind == "streamed" and (reader, format) in NEEDS_LENGTH:
            continue
        file = tmp_path / f"answer.{format}"
        file.write_bytes(answers[kind, format])
        got = read(file)
        slack = RATE / 1000 if reader == "mediainfo" else 1
        lost = LOST.get((reader, format), 0)
        assert -slack - lost <= got - samples <= PADDING.get(format, 0) + slack, (format, got, samples)


@pytest.mark.parametrize("reader", ["soundfile", "librosa", "pydub", "ffmpeg", "chromium", "mpg123", "mutagen"])
def test_answers_are_joined_byte_by_byte(answers: dict[tuple[str, str], bytes], tmp_path: Path, reader: str) -> None:
    """As LibreChat does."""
    needs(reader)
    samples = len(answers["streamed", "pcm"]) // 2
    file = tmp_path / "joined.mp3"
    file.write_bytes(answers["streamed", "mp3"] * 5)
    assert 5 * samples <= READERS[reader][1](file) <= 5 * (samples + PADDING["mp3"])


@pytest.mark.parametrize("kind", ["whole", "streamed"])
@pytest.mark.parametrize(("format", "encoding", "subtype"), [("mulaw", "mu-law", "ULAW"), ("alaw", "a-law", "ALAW")])
def test_telephonys_bytes_are_the_speech(
    answers: dict[tuple[str, str], bytes], tmp_path: Path, kind: str, format: str, encoding: str, subtype: str
) -> None:
    expected = np.frombuffer(answers["whole", "pcm8"], "<i2").astype(float)
    file = tmp_path / "answer"
    file.write_bytes(answers[kind, format])
    got = [soundfile.read(file, dtype="int16", samplerate=8000, channels=1, subtype=subtype, format="RAW")[0]]
    if shutil.which("ffmpeg"):
        command = ("ffmpeg", "-v", "error", "-f", format, "-ar", "8000", "-i", str(file), "-f", "s16le", "-")
        got.append(np.frombuffer(run(*command), "<i2"))
    if shutil.which("sox"):
        source = ("-t", "raw", "-r", "8000", "-c", "1", "-e", encoding, "-b", "8", str(file))
        got.append(np.frombuffer(run("sox", *source, "-t", "raw", "-e", "signed", "-b", "16", "-"), "<i2"))
    for samples in got:
        assert len(samples) == len(expected)
        assert 10 * np.log10(np.sum(expected**2) / np.sum((expected - samples) ** 2)) > 25
