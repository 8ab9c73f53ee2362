"""The engine behind the service, loaded as the service loads it. Knows its insides only to time them."""

import asyncio
import os
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.checkpoint import SPEAKERS
from benchmarks.engine.measures import Job, Profile, Take, halfway, peak_memory, reset_peak, settle
from benchmarks.engine.stopwatch import Stopwatch
from benchmarks.texts import LANGUAGE
from runners.config import EngineConfig
from runners.synthesizer import Synthesizer
from runners.types import Audio, Utterance, Voice


def stages(engine: Any) -> dict[str, tuple[object, str]]:
    """Where the engine spends its time: the only place that knows the names."""
    return {"prefill": (engine, "_prefill"), "step": (engine._decoder, "step"), "vocoder": (engine._vocoding, "start")}


class Ours:
    def __init__(self, folder: Path, device_name: str, precision: str, slots: int) -> None:
        self._device = settle(device_name)
        asked = {
            "XTTS_MODEL": str(folder),
            "XTTS_DEVICE": device_name,
            "XTTS_PRECISION": precision,
            "XTTS_SLOTS": str(slots),
            "XTTS_WORKERS": "1",
        }
        self._synthesizer = Synthesizer.load(EngineConfig.from_env({**os.environ, **asked}))
        self._stopwatch = Stopwatch(self._device)
        self._loading = peak_memory(self._device)

    def loading(self) -> int:
        """Bytes: the most that was held until the model was there."""
        return self._loading

    def precision(self) -> str:
        """What the engine has chosen, `auto` resolved."""
        return self._synthesizer.status().model.precision

    def speak(self, job: Job) -> Take:
        engine = self._synthesizer._engine
        watched = self._stopwatch.on(stages(engine)) if job.profile else nullcontext()
        reset_peak(self._device)
        with watched:
            seconds, audio, first = asyncio.run(self._say(job))
        profile = self._profile(job, seconds) if job.profile else None
        return Take(seconds, audio, first, peak_memory(self._device), profile)

    async def _say(self, job: Job) -> tuple[float, float, tuple[float, ...]]:
        voice = Voice(speaker=SPEAKERS[0])
        utterances = [Utterance(text, LANGUAGE, voice, job.seed + index) for index, text in enumerate(job.texts)]
        first: dict[int, float] = {}
        samples = 0
        begun = time.perf_counter()
        async for event in self._synthesizer.synthesize(utterances):
            if isinstance(event, Audio):
                first.setdefault(event.utterance, time.perf_counter() - begun)
                samples += len(event.samples)
        seconds = time.perf_counter() - begun
        return seconds, samples / self._synthesizer.status().model.sample_rate, tuple(first.values())

    def _profile(self, job: Job, seconds: float) -> Profile:
        watch = self._stopwatch
        read = self._synthesizer._engine._decoder.bytes_per_step(halfway(self._synthesizer._xtts, job))
        step = statistics.median(watch.laps["step"])
        return Profile(seconds, watch.total("prefill"), step, read, watch.total("vocoder"))
