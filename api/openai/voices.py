"""Which of our voices a name of this route means: as configured, or our own, or OpenAI's; in capitals or not.

Or a blend of such, as in `anna(2)+alloy`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from api.errors import UnknownVoice
from api.voices.blends import Blend, parse_blend, written
from api.voices.library import VoiceLibrary

VOICES: Final = frozenset(
    ("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse")
)


class VoiceNames:
    def __init__(self, mapping: Mapping[str, str], library: VoiceLibrary) -> None:
        """`mapping`: OpenAI's names, in small letters, of ours."""
        self._mapping = mapping
        self._library = library

    def all(self, speakers: Sequence[str]) -> list[str]:
        """Of the voices that are ours, or configured."""
        return list(dict.fromkeys((*self._library.names(speakers), *self._mapping)))

    def find(self, name: str, speakers: Sequence[str]) -> str | None:
        """Ours, which may be a blend; None where there is no such voice."""
        if (whole := self._one(name, speakers)) is not None or (blend := parse_blend(name)) is None:
            return whole
        parts: Blend = []
        for each, weight in blend:
            if (voice := self._one(each, speakers)) is None:
                return None
            own = parse_blend(voice) or [(voice, 1.0)]  # as configured
            total = sum(share for _, share in own)
            parts += [(part, weight * share / total) for part, share in own]
        return written(parts)

    def unknown(self, name: str, speakers: Sequence[str]) -> UnknownVoice:
        known = ", ".join((*self.all(speakers), *sorted(VOICES - self._mapping.keys())))
        return UnknownVoice(f"There is no voice {name!r}. There are: {known}.", param="voice")

    def _one(self, name: str, speakers: Sequence[str]) -> str | None:
        small = name.lower()
        if theirs := self._mapping.get(small):
            return theirs
        if name in speakers or self._library.holds(name):
            return name
        alike = next((each for each in self.all(speakers) if each.lower() == small), None)
        return alike or ("default" if small in VOICES else None)
