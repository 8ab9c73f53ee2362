"""One audio file in the making: the engine's events in, encoded bytes out. Every route and every job writes by this.

What is certain is encoded and written at once, so memory does not grow with the file, but for audio that comes before
its turn. Blocks, so run it in a thread; knows no event loop and no HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from api.audio.assembler import Assembler
from api.audio.edges import Samples
from api.audio.encoders import Encoder, Output
from api.audio.formats import encoder, quantise
from api.audio.mastering import Master
from runners.types import Audio, Event, PieceDone, StopReason


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """What the file is to be."""

    format: str  # one of CODECS
    rate: int  # Hz, of the samples that come
    pauses: Sequence[float]  # seconds of silence after each utterance
    trim: bool  # drop the model's own silence around each utterance
    sample_rate: int | None = None  # Hz, of the file; None: as they come
    loudness: float | None = None  # LUFS; None: as they come
    measured: float | None = None  # LUFS of the samples, where known beforehand; else a file waits for its end

    @property
    def file_rate(self) -> int:
        return self.sample_rate or self.rate


class Recording:
    """`feed` and `end` are called one after the other, from any thread. A context that an exception ends abandons it.

        with whole_file(path) as file, Recording(spec, file) as recording:
            for event in events:
                recording.feed(event)
            recording.end()

    An output that can seek becomes a file that knows its length (see api/audio/encoders.py).
    """

    def __init__(self, spec: AudioSpec, output: Output) -> None:
        self._spec = spec
        self._output = output
        self._assembler = Assembler(spec.pauses, spec.rate, trim=spec.trim)
        self._master = Master(spec.rate, spec.file_rate, spec.loudness, spec.measured)
        self._encoder: Encoder | None = None  # from the first sample on: a request that is refused starts no process
        self._abandoned = False
        self.codes = 0  # that the model has decoded for it
        self.waited = 0.0  # seconds for a slot and for its turn to begin
        self.cut = 0  # pieces that ran into the model's longest length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.abandon()

    @property
    def seconds(self) -> float:
        """How long the audio is so far."""
        return self._assembler.length / self._spec.rate

    @property
    def spans(self) -> list[list[float]]:
        """Start and end in seconds of each finished utterance. Six decimals are exact to the sample up to 500 kHz."""
        return [[round(at / self._spec.rate, 6) for at in span] for span in self._assembler.spans]

    def feed(self, event: Event) -> None:
        """Raises EngineFailure for samples that are not finite, and what the output raises."""
        if isinstance(event, PieceDone):
            self.codes += event.codes
            self.cut += event.stop_reason is StopReason.LIMIT
        elif isinstance(event, Audio):
            self.waited = max(self.waited, event.waited)
        for samples in self._assembler.feed(event):
            self._encode(self._master.feed(samples))

    def end(self) -> None:
        """The file is whole."""
        for samples in self._master.end():
            self._encode(samples)
        self._opened().end()

    def abandon(self) -> None:
        """Nobody wants the rest. May be called at any time, beside `feed` too."""
        self._abandoned = True
        if self._encoder:
            self._encoder.abandon()

    def _encode(self, samples: Samples) -> None:
        if samples.size:
            self._opened().feed(quantise(samples))

    def _opened(self) -> Encoder:
        if self._encoder is None:
            self._encoder = encoder(self._spec.format, self._spec.file_rate, self._output)
            if self._abandoned:  # in the meantime
                self._encoder.abandon()
        return self._encoder
