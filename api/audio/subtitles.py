"""Subtitles: who said what from when to when, as SubRip or WebVTT. Knows no audio."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal

Subtitles = Literal["srt", "vtt"]


@dataclass(frozen=True, slots=True)
class Cue:
    start: float  # seconds
    end: float
    text: str  # in the caller's own words; empty where nothing is said
    part: int = 0  # index in the request


def subtitles(cues: Iterable[Cue], kind: Subtitles) -> str:
    """A whole file. Players want no cue without text or length."""
    shown = [cue for cue in cues if cue.text and cue.end > cue.start]
    if kind == "srt":
        return "".join(
            f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text}\n\n"
            for number, cue in enumerate(shown, 1)
        )
    blocks = (
        f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{escape(cue.text, quote=False)}\n\n" for cue in shown
    )
    return "WEBVTT\n\n" + "".join(blocks)


def _time(seconds: float, mark: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
