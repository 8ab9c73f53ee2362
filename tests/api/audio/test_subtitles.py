"""Files of subtitles, read back by ffmpeg."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from api.audio.subtitles import Cue, subtitles

CUES = [
    Cue(0.0, 1.2345, "Melyik <nagy> költőnk & társa?"),
    Cue(1.2345, 1.5, ""),
    Cue(2.0, 2.0, "nothing"),
    Cue(3599.9996, 3661.5, "B"),
]


def test_subrip() -> None:
    assert subtitles(CUES, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,234\nMelyik <nagy> költőnk & társa?\n\n2\n01:00:00,000 --> 01:01:01,500\nB\n\n"
    )


def test_webvtt() -> None:
    assert subtitles(CUES, "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\nMelyik &lt;nagy&gt; költőnk &amp; társa?\n\n"
        "01:00:00.000 --> 01:01:01.500\nB\n\n"
    )


@pytest.mark.parametrize(("kind", "other"), [("srt", "webvtt"), ("vtt", "srt")])
def test_ffmpeg_reads_them(kind: str, other: str, tmp_path: Path) -> None:
    file = tmp_path / f"file.{kind}"
    file.write_text(subtitles(CUES[3:], kind), encoding="utf-8")  # type: ignore[arg-type]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", file, "-f", other, "-"]
    read = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert "00:00" in read
    assert "01:01:01" in read
    assert "B" in read
