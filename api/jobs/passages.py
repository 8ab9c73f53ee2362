"""Cuts a chapter: into paragraphs where lines are blank, and those into passages, which the engine is given at once."""

import re

from runners.text.splitting import split

PASSAGE = 500  # characters: half a minute of speech

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")


def paragraphs(text: str) -> list[str]:
    """What blank lines part, each stripped and with something in it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return [paragraph.strip() for paragraph in _BLANK_LINES.split(lines) if paragraph.strip()]


def passages(text: str, language: str, limit: int = PASSAGE) -> list[str]:
    """The text in order, in parts of at most `limit` characters and about equal length, whole sentences where they fit.
    Only white space is lost."""
    return split(text, limit, language.lower().partition("-")[0]) if len(text) > limit else [text]
