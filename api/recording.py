"""One request's audio while it is being said: events in, the bytes of its file out. Blocks; knows no event loop."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.audio.assembler import Assembler
from api.audio.edges import Samples
from api.audio.encoders import Encoder, Sink
from api.audio.formats import encoder, quantise
from api.plan import Plan
from runners.types import Event, PieceDone, StopReason


class Recording:
    """`feed` and `end` are called one after the other, from any thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._assembler = Assembler(plan.pauses, plan.rate, trim=plan.trim)
        self._encoder: Encoder | None = None  # from the first sample on: what is refused costs no child process
        self._sink: Sink | None = None
        self._given_up = False
        self.codes = 0  # that the model has decoded for it
        self.cut = 0  # pieces that ran into the model's longest length

    @contextmanager
    def into(self, sink: Sink) -> Iterator[None]:
        """Where the file goes. What is not ended inside is given up."""
        self._sink = sink
        try:
            yield
        except BaseException:
            self._given_up = True
            if self._encoder:
                self._encoder.abandon()
            raise

    def feed(self, event: Event) -> None:
        if isinstance(event, PieceDone):
            self.codes += event.codes
            self.cut += event.stop_reason is StopReason.LIMIT
        if (samples := self._assembler.feed(event)).size:
            self._record(samples)

    def end(self) -> None:
        """The file is whole."""
        self._opened().end()

    def _record(self, samples: Samples) -> None:
        """Raises ValueError for samples that are not finite."""
        self._opened().feed(quantise(samples))

    def _opened(self) -> Encoder:
        if self._encoder is None:
            assert self._sink
            self._encoder = encoder(self._plan.format, self._plan.rate, self._sink)
            if self._given_up:  # in the meantime
                self._encoder.abandon()
        return self._encoder
