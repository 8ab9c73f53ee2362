"""The decoder is a process with limits, is not let run ahead of its reader, and does not outlive it."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import psutil
import pytest

from runners.conditioning import ffmpeg
from runners.conditioning.clip import decode_clip
from runners.conditioning.ffmpeg import FfmpegReader
from runners.errors import UnreadableClip


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An hour of silence in a FLAC that does not say how long it is: 24 kHz, stereo."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "anullsrc=r=24000:cl=stereo"]
    command += ["-t", "3600", "-c:a", "flac", "-compression_level", "0", "-f", "flac", "pipe:1"]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.fixture
def reader(endless: bytes) -> FfmpegReader:
    return FfmpegReader(endless)


def test_it_says_what_it_reads_and_reads_as_much_as_is_asked_for(reader: FfmpegReader) -> None:
    assert (reader.rate, reader.channels) == (24_000, 2)
    assert reader.read(1000).shape == (1000, 2)
    assert reader.read(1000).dtype == np.float32
    reader.close()


def test_it_waits_for_its_reader_and_ends_with_it(reader: FfmpegReader) -> None:
    assert reader._child.poll() is None  # an hour would not fit into the pipe
    reader.close()
    assert reader._child.returncode == -9


def test_it_has_limits_of_its_own(reader: FfmpegReader) -> None:
    limits = Path(f"/proc/{reader._child.pid}/limits").read_text()
    reader.close()
    said = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert said["Max cpu time"] == ["20", "20"]
    assert said["Max address space"] == [str(2**29)] * 2


def test_one_that_works_for_too_long_is_killed(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "CPU_SECONDS", 0)
    with pytest.raises(UnreadableClip, match="to decode"):
        decode_clip(endless, longest=3600)


def test_so_is_one_that_waits_for_too_long(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "SECONDS", 0.0)
    with pytest.raises(UnreadableClip, match="to decode"):
        decode_clip(endless, longest=3600)


def test_one_that_wants_too_much_memory_fails(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "ADDRESS_SPACE", 2**17)
    with pytest.raises(UnreadableClip):
        decode_clip(endless, longest=1)


def test_no_process_is_left_by_a_clip_that_is_refused(endless: bytes) -> None:
    before = _children()
    for rates in (range(8_000), range(24_000, 24_001)):
        with pytest.raises(UnreadableClip):
            decode_clip(endless, longest=1, rates=rates, cut=False)
    assert _children() == before


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
