"""Every sample of an answer is read, by the tools that people read audio with, whole files and streams alike.

Tools that are not on this machine are left out: Debian's mpg123, mediainfo, sox, flac and ffmpeg.
"""

import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import librosa
import mutagen
import pytest
import soundfile
from pydub import AudioSegment

from tests.service.server import Server
from tests.service.test_stream import say

TEXT = "Jó napot kívánok! Kezdődjön a játék! Ki írta az Egri csillagokat?"
RATE = 24_000
FORMATS = ("mp3", "wav", "flac", "opus", "aac")
PADDING = {"mp3": 1105 + 2 * 1152, "aac": 1024 + 2 * 1024, "opus": 480}  # samples that a reader may give besides

Reader = Callable[[Path], float]  # samples


def run(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout


def from_librosa(file: Path) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="PySoundFile failed")  # so it falls back to another reader
        return len(librosa.load(file, sr=None)[0])


def from_pydub(file: Path) -> float:
    return AudioSegment.from_file(file).frame_count()


READERS: dict[str, tuple[tuple[str, ...], Reader]] = {  # by name: formats, and how
    "soundfile": (("mp3", "wav", "flac", "opus"), lambda file: len(soundfile.read(file)[0])),
    "librosa": (("mp3", "wav", "flac"), from_librosa),
    "mutagen": (("mp3", "flac", "opus"), lambda file: mutagen.File(file).info.length * RATE),
    "pydub": (FORMATS, from_pydub),
    "ffmpeg": (
        FORMATS,
        lambda file: len(run("ffmpeg", "-v", "error", "-i", str(file), "-f", "s16le", "-ar", "24000", "-")) / 2,
    ),
    "sox": (("wav", "flac"), lambda file: len(run("sox", str(file), "-t", "raw", "-e", "signed", "-b", "16", "-")) / 2),
    "mpg123": (("mp3",), lambda file: len(run("mpg123", "-q", "-s", str(file))) / 2),
    "flac": (
        ("flac",),
        lambda file: (
            len(run("flac", "-s", "-d", "-c", "--force-raw-format", "--endian=little", "--sign=signed", str(file))) / 2
        ),
    ),
    "mediainfo": (
        ("mp3", "flac", "opus"),
        lambda file: float(run("mediainfo", "--Inform=Audio;%Duration%", str(file)).split(b".")[0]) * RATE / 1000,
    ),
}
PACKAGES = ("soundfile", "librosa", "mutagen", "pydub")
# A stream of FLAC cannot say how long it will be, and these believe its header; a file that is not streamed says it.
NEEDS_LENGTH = {("soundfile", "flac"), ("librosa", "flac"), ("mutagen", "flac"), ("mediainfo", "flac")}


@pytest.fixture(scope="module")
def answers(server: Server) -> dict[tuple[str, str], bytes]:
    body = {"text": TEXT, "seed": 5}
    return {
        (kind, format): say(server, route, {**body, "output_format": format}).content
        for kind, route in (("whole", "simple"), ("streamed", "stream"))
        for format in (*FORMATS, "pcm")
    }


@pytest.mark.parametrize("kind", ["whole", "streamed"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_reads_every_sample(
    answers: dict[tuple[str, str], bytes], tmp_path: Path, reader: str, kind: str
) -> None:
    if reader not in PACKAGES and not shutil.which(reader):
        pytest.skip(f"no {reader} here")
    samples = len(answers[kind, "pcm"]) // 2
    formats, read = READERS[reader]
    for format in formats:
        if kind == "streamed" and (reader, format) in NEEDS_LENGTH:
            continue
        file = tmp_path / f"answer.{format}"
        file.write_bytes(answers[kind, format])
        got = read(file) * (0.5 if (format, reader) in (("opus", "pydub"),) else 1)  # 48 kHz
        slack = RATE / 1000 if reader == "mediainfo" else 1
        assert -slack <= got - samples <= PADDING.get(format, 0) + slack, (format, got, samples)


def test_answers_are_joined_byte_by_byte(answers: dict[tuple[str, str], bytes], tmp_path: Path) -> None:
    """As LibreChat does."""
    samples = len(answers["streamed", "pcm"]) // 2
    file = tmp_path / "joined.mp3"
    file.write_bytes(answers["streamed", "mp3"] * 5)
    for reader in ("ffmpeg", "mpg123", "soundfile"):
        if reader in PACKAGES or shutil.which(reader):
            assert 5 * samples <= READERS[reader][1](file) <= 5 * (samples + PADDING["mp3"])
