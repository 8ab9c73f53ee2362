"""The audio of one utterance, encoded as it comes, and which of its text is where in it."""

import time
from dataclasses import dataclass
from typing import Final

from api.audio.edges import Samples
from api.audio.encoders import Stream
from api.audio.formats import encoder, quantise
from api.audio.mastering import Master
from api.audio.recording import AudioSpec

PACE: Final = 15.0  # characters a second, for a piece whose length is not known yet


@dataclass(slots=True)
class Said:
    """A piece of the text in the audio."""

    span: tuple[int, int]  # characters of the utterance's text
    start: float  # seconds
    end: float | None = None  # None: there is more to come


class Track:
    """Encoding blocks: call `feed` and `end` in a thread, one at a time."""

    def __init__(self, utterance: int, spec: AudioSpec, after: float = 0.0) -> None:
        """`spec`: of the utterance's first piece; its format, rate and loudness are those of all. `after`: when the
        audio before it will have been played, by `time.monotonic`.
        """
        self.utterance = utterance
        self._rate = spec.rate
        self._bytes = bytearray()
        self._master = Master(spec.rate, spec.file_rate, spec.loudness, spec.measured)
        self._encoder = encoder(spec.format, spec.file_rate, Stream(self._bytes.extend))
        self._length = 0  # samples
        self._after = after
        self._begun: float | None = None  # when its first bytes can be heard, by the clock
        self._said: list[Said] = []

    @property
    def seconds(self) -> float:
        return self._length / self._rate

    def begin(self, span: tuple[int, int]) -> Said:
        """The next piece of text."""
        self._said.append(Said(span, self.seconds))
        return self._said[-1]

    def feed(self, samples: Samples) -> bytes:
        """What can be sent of it. Raises EngineFailure for samples that are not finite."""
        self._length += len(samples)
        self._encode(self._master.feed(samples))
        return self._taken()

    def end(self) -> bytes:
        """The rest: the file is whole."""
        for samples in self._master.end():
            self._encode(samples)
        self._encoder.end()
        return self._taken()

    def sent(self) -> None:
        """Some of it went out just now."""
        self._begun = max(time.monotonic(), self._after) if self._begun is None else self._begun

    @property
    def ends(self) -> float:
        """When what there is of it will have been played, by `time.monotonic`."""
        return self._after if self._begun is None else self._begun + self.seconds

    @property
    def played(self) -> bool:
        """Whether who has listened since the first byte has heard all that there is."""
        return self.ends <= time.monotonic()

    def characters_by(self, played: float | None) -> int:
        """How far in the text a listener is after `played` seconds; None: who has listened since the first byte."""
        if played is None:
            played = 0.0 if self._begun is None else max(0.0, time.monotonic() - self._begun)
        played = min(played, self.seconds)
        characters = 0
        for said in self._said:
            if played <= said.start:
                break
            first, last = said.span
            whole = (said.end - said.start) if said.end is not None else (last - first) / PACE
            share = min(1.0, (played - said.start) / max(whole, 1e-3))
            characters = first + int(share * (last - first))
        return characters

    def _encode(self, samples: Samples) -> None:
        if samples.size:
            self._encoder.feed(quantise(samples))

    def _taken(self) -> bytes:
        data = bytes(self._bytes)
        self._bytes.clear()
        return data
