"""The engine by a virtual clock: its own loop over a decoder and a vocoder that take the time they are told to."""

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.service.player import Chunk, Playback, play
from runners.conditioning.latents import Latents
from runners.engine import Engine
from runners.errors import Overloaded
from runners.pacing import Pacing
from runners.playback import Playback as Listening
from runners.sequence import Request, Sequence
from runners.types import Audio, Event, PieceDone
from runners.xtts.frames import stretch_for
from runners.xtts.sampling import SamplingParams, stream_of
from runners.xtts.vocoder import PendingAudio
from runners.xtts.windows import EDGES

RATE, HOP = 24_000, 256
STRETCH = stretch_for(1.0, 1024, HOP, 22_050, RATE)
STOP = 9


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, as measured on a machine."""

    step: float  # a decode step, whatever is in it
    row: float  # and for each sequence in it
    prefill: float  # a sequence
    vocoding: float  # a second of audio
    call: float = 0.0  # of the vocoder


ZEN3 = Costs(
    step=0.0123, row=0.0012, prefill=0.12, vocoding=0.115, call=0.005
)  # int10 on two cores, see benchmarks/NOTES.md
SLOW = Costs(step=0.035, row=0.003, prefill=0.3, vocoding=0.5, call=0.01)  # cannot speak in real time


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Decoder:
    max_codes, stop_code = 605, STOP
    device = torch.device("cpu")

    def __init__(self, clock: Clock, costs: Costs, slots: int) -> None:
        self.slots = slots
        self.latents = torch.zeros(slots, self.max_codes, 1)
        self._clock, self._costs = clock, costs
        self._left = [0] * slots

    def prefill(self, slots: Items[int], tokens: Items[Tensor], latents: object, sampling: object) -> list[int]:
        self._clock.now += self._costs.prefill * len(slots)
        for slot, codes in zip(slots, tokens, strict=True):
            self._left[slot] = int(codes[0])
        return [self._next(slot) for slot in slots]

    def step(self, slots: Items[int]) -> list[int]:
        self._clock.now += self._costs.step + self._costs.row * len(slots)
        return [self._next(slot) for slot in slots]

    def _next(self, slot: int) -> int:
        self._left[slot] -= 1
        return 0 if self._left[slot] > 0 else STOP

    def vacate(self, slot: int) -> None: ...


class Vocoder:
    hop, context, at_once = HOP, 14, 1

    def __init__(self, clock: Clock, costs: Costs) -> None:
        self._clock, self._costs = clock, costs

    def start(self, frames: Tensor, speakers: Tensor, spans: Items[tuple[int, int]]) -> PendingAudio:
        rows, length, _ = frames.shape
        size = length - 2 * self.context
        self._clock.now += self._costs.call + self._costs.vocoding * rows * (size + EDGES) * HOP / RATE
        return PendingAudio(torch.zeros(rows, size * HOP), None)


@dataclass(slots=True)
class Visit:
    """A request and what came of it."""

    due: float
    codes: tuple[int, ...]  # of each text
    listening: bool = True
    bulk: bool = False
    chunks: list[Chunk] = field(default_factory=list)
    ended: float | None = None
    waited: float = 0.0  # as the engine tells
    retry_after: float | None = None  # seconds that it was told when it was refused
    room_after: float = 0.0  # and after which there was room
    _early: dict[int, list[float]] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)
    _turn: int = 0

    def hear(self, event: Event, now: float) -> None:
        match event:
            case Audio(index, _, samples, waited):
                self.waited = max(self.waited, waited)
                self._early.setdefault(index, []).append(len(samples) / RATE)
            case PieceDone(index):
                self._done.add(index)
        while True:
            self.chunks += [Chunk(now, seconds) for seconds in self._early.pop(self._turn, [])]
            if self._turn not in self._done:
                break
            self._turn += 1
        if self._turn == len(self.codes):
            self.ended = now

    @property
    def playback(self) -> Playback:
        return play(self.chunks)

    @property
    def latency(self) -> float:
        """Seconds to the end of it."""
        assert self.ended is not None
        return self.ended - self.due

    @property
    def first_audio(self) -> float:
        return self.chunks[0].at - self.due

    @property
    def smooth(self) -> float:
        """Seconds to the first audio, and of all gaps after it."""
        return self.first_audio + self.playback.stalled


def simulate(
    visits: Iterable[Visit],
    costs: Costs,
    slots: int = 8,
    max_waiting: int = 10_000,
    look: Callable[[Engine], None] = lambda engine: None,
) -> float:
    """Fills the visits in. Returns when the last one ended. Who is refused does not come again.

    `look`: called after each step.
    """
    clock = Clock()
    engine = Engine(
        Decoder(clock, costs, slots),  # type: ignore[arg-type]
        Vocoder(clock, costs),  # type: ignore[arg-type]
        Pacing(HOP / RATE, 1024 / 22_050, Vocoder.context),
        max_waiting,
        reserve=slots // 4,
        clock=clock,
    )
    coming = sorted(visits, key=lambda visit: visit.due)[::-1]
    refused: list[Visit] = []
    while coming or engine._requests:
        if not engine._requests:
            clock.now = max(clock.now, coming[-1].due)
        while coming and coming[-1].due <= clock.now:
            visit = coming.pop()
            try:
                _submit(engine, clock, visit)
            except Overloaded as refusal:
                visit.retry_after = refusal.retry_after
                refused.append(visit)
        engine._step_or_fail()
        look(engine)
        if not engine._scheduler.full:
            for visit in refused:
                visit.room_after = clock.now - visit.due
            refused.clear()
    return clock.now


def _submit(engine: Engine, clock: Clock, visit: Visit) -> None:
    latents = Latents(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
    sampling = SamplingParams(0.0, 0, 1.0, 1.0, stream_of(0, 0))
    sequences = [
        Sequence(index, 0, torch.full((max(codes // 4, 1),), codes), latents, sampling, STRETCH)
        for index, codes in enumerate(visit.codes)
    ]
    request = Request(sequences, lambda event: visit.hear(event, clock.now))
    request.playback, request.bulk = Listening() if visit.listening else None, visit.bulk
    engine.submit(request)
