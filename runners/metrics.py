"""The runner's numbers for Prometheus: the engine's steps, slots and line, and what requests get.

Knows no HTTP: in a process that BentoML has set up prometheus_client writes them to files, which the public service
reads (see api/observe/metrics.py). An update costs a microsecond or a few.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Final, get_args

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from runners.conditioning.cache import Lookup
from runners.observer import Observer
from runners.types import Audio, Event, Failed, PieceDone, StopReason

STEP: Final = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1)
WAIT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
FIRST_AUDIO: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)
FACTOR: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
BATCH: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MEMORY_EVERY: Final = 5.0  # seconds of work between two looks at the memory in use


class RunnerMetrics(Observer):
    def __init__(
        self,
        rate: int,
        gpu: tuple[str, Callable[[], tuple[int, int]]] | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`rate`: Hz of the samples; `gpu`: the device's name and what tells its free and total bytes."""
        registry = registry or CollectorRegistry()
        self._rate = rate
        self._gpu = gpu
        self._load = (0, 0, 0, 0)
        self._memory_due = 0.0

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=registry, multiprocess_mode="livesum")

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(name, text, registry=registry, buckets=buckets)

        self._slots = gauge("xtts_slots", "Sequences that can be decoded together.")
        self._live = gauge("xtts_live_slots", "Slots that hold a sequence.")
        self._live_bulk = gauge("xtts_live_bulk_slots", "Slots that hold a sequence of a long job.")
        self._waiting = gauge("xtts_waiting_sequences", "Sequences that wait for a slot.")
        self._resident = gauge("xtts_runner_resident_memory_bytes", "Memory that the runner's processes hold.")
        self._waited = histogram("xtts_queue_wait_seconds", "What a sequence waits for its slot.", WAIT)
        self._held = histogram(
            "xtts_held_seconds", "What a stream waits from its first code until what there is lasts its listener.", WAIT
        )
        self._batch = histogram("xtts_admitted_batch_size", "Sequences that are given their slots together.", BATCH)
        self._step = histogram("xtts_decode_step_seconds", "A decode step: one code for every live slot.", STEP)
        self._codes = Counter("xtts_codes_total", "Audio codes decoded.", registry=registry)
        self.first_audio = histogram(
            "xtts_first_audio_seconds", "From a request's arrival in the runner to its first samples.", FIRST_AUDIO
        )
        self.factor = histogram(
            "xtts_real_time_factor_ratio", "Seconds that a request took for a second of its audio.", FACTOR
        )
        self.audio = Counter("xtts_audio_seconds_total", "Seconds of audio made.", registry=registry)
        self.characters = Counter("xtts_characters_total", "Characters of the texts synthesized.", registry=registry)
        self.cancellations = Counter(
            "xtts_cancellations_total", "Requests given up before they were done.", registry=registry
        )
        ends = Counter("xtts_sequences_total", "Sequences decoded to their end.", ["stop_reason"], registry=registry)
        self.ends = {reason: ends.labels(reason.value) for reason in StopReason}
        lookups = Counter("xtts_latents_lookups_total", "Where latents were found.", ["result"], registry=registry)
        self._lookups = {result: lookups.labels(result) for result in get_args(Lookup)}
        self._gpu_used, self._gpu_total = (
            Gauge(f"xtts_gpu_memory_{part}_bytes", text, ["device"], registry=registry, multiprocess_mode="livemax")
            for part, text in (("used", "GPU memory in use, by whomever."), ("total", "GPU memory there is."))
        )
        self._look_at_memory()

    def load(self, slots: int, live: int, bulk: int, waiting: int) -> None:
        if (slots, live, bulk, waiting) != self._load:
            self._load = slots, live, bulk, waiting
            self._slots.set(slots)
            self._live.set(live)
            self._live_bulk.set(bulk)
            self._waiting.set(waiting)

    def admitted(self, sequences: int, waited: Sequence[float]) -> None:
        self._batch.observe(sequences)
        self._codes.inc(sequences)  # a prefill draws the first of each
        for seconds in waited:
            self._waited.observe(seconds)

    def held(self, seconds: float) -> None:
        self._held.observe(seconds)

    def stepped(self, sequences: int, seconds: float) -> None:
        self._step.observe(seconds)
        self._codes.inc(sequences)
        if time.monotonic() >= self._memory_due:
            self._look_at_memory()

    def looked_up(self, result: Lookup) -> None:
        self._lookups[result].inc()

    def watch(self, deliver: Callable[[Event], None], pieces: int, characters: int, began: float | None) -> "Watch":
        return Watch(self, deliver, pieces, characters, began)

    def seconds(self, samples: int) -> float:
        return samples / self._rate

    def _look_at_memory(self) -> None:
        self._memory_due = time.monotonic() + MEMORY_EVERY
        self._resident.set(psutil.Process(os.getpid()).memory_info().rss)
        if self._gpu:
            device, look = self._gpu
            free, total = look()
            self._gpu_used.labels(device).set(total - free)
            self._gpu_total.labels(device).set(total)


class Watch:
    """Counts one request's events on their way to `deliver`."""

    def __init__(
        self,
        metrics: RunnerMetrics,
        deliver: Callable[[Event], None],
        pieces: int,
        characters: int,
        began: float | None,
    ) -> None:
        """`began`: when the request came, by time.perf_counter(). None: nobody waits, and how long is no matter."""
        self._metrics = metrics
        self._deliver = deliver
        self._left = pieces
        self._characters = characters
        self._began = began
        self._samples = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Audio(samples=samples):
                self._count_audio(len(samples))
            case PieceDone(stop_reason=reason):
                self._metrics.ends[reason].inc()
                self._left -= 1
                if not self._left:
                    self._done()
            case Failed():
                self._left = 0
        self._deliver(event)

    def leave(self) -> None:
        """Nobody waits for more."""
        if self._left:
            self._metrics.cancellations.inc()

    def _count_audio(self, samples: int) -> None:
        if not self._samples and self._began is not None:
            self._metrics.first_audio.observe(time.perf_counter() - self._began)
        self._samples += samples
        self._metrics.audio.inc(self._metrics.seconds(samples))

    def _done(self) -> None:
        self._metrics.characters.inc(self._characters)
        if self._samples and self._began is not None:
            self._metrics.factor.observe((time.perf_counter() - self._began) / self._metrics.seconds(self._samples))
