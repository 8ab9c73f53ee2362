"""What a run shows, on a terminal and in a log."""

import io
from pathlib import Path

from api.batch.answer import Failure, Speech
from api.batch.file import Sample
from api.batch.manifest import Manifest
from api.batch.progress import Progress, summary

SAMPLES = [Sample(name, {"text": "x", "output_format": "wav"}) for name in ("a", "b")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(folder: Path, lines: io.TextIOBase, bar: io.TextIOBase) -> Manifest:
    manifest = Manifest(folder, SAMPLES)
    with Progress(2, lines, bar) as progress:
        progress.finished(manifest.add_speech(SAMPLES[0], Speech(b"sound", 7, 2.5, 24000, None), 0.5))
        progress.finished(manifest.add_failure(SAMPLES[1], Failure("busy", "full", status=429), 1.0))
    return manifest


def test_a_log_has_a_line_for_each_sample_and_no_bar(tmp_path: Path) -> None:
    lines, bar = io.StringIO(), io.StringIO()

    show(tmp_path, lines, bar)

    assert lines.getvalue().splitlines() == [
        "[1/2] a  2.50 s audio  0.50 s wall  RTF 0.200",
        "[2/2] b  failed after 1.00 s: HTTP 429 busy: full",
    ]
    assert bar.getvalue() == ""


def test_a_terminal_has_a_bar_too(tmp_path: Path) -> None:
    lines, bar = io.StringIO(), Terminal()

    show(tmp_path, lines, bar)

    assert "2/2" in bar.getvalue()
    assert len(lines.getvalue().splitlines()) == 2


def test_the_summary_names_what_failed(tmp_path: Path) -> None:
    manifest = show(tmp_path, io.StringIO(), io.StringIO())
    manifest.run_seconds = 1.0

    assert summary(manifest).splitlines() == [
        "1 generated: 2.50 s audio  1.00 s wall  RTF 0.400",
        "1 failed:",
        "  b  HTTP 429 busy: full",
        f"1 of 2 samples are in {tmp_path}",
    ]
