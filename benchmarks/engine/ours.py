"""The engine behind the service, loaded as the service loads it. Knows its insides only to time them."""

import asyncio
import os
import statistics
import time
from contextlib import aclosing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.checkpoint import SPEAKERS
from benchmarks.engine.measures import Job, Profile, Take, halfway, peak_memory, reset_peak, settle
from benchmarks.engine.stopwatch import Stopwatch
from benchmarks.texts import LANGUAGE
from runners.config import EngineConfig
from runners.synthesizer import Synthesizer
from runners.types import Audio, Utterance, Voice


def stages(synthesizer: Any) -> dict[str, tuple[object, str]]:
    """Where the time goes: the only place that knows the names."""
    engine = synthesizer._engine
    return {
        "text and voice": (synthesizer, "_prepare"),
        "prefill": (engine, "_prefill"),
        "step": (engine._decoder, "step"),
        "vocoder": (engine._vocoding, "start"),
        "delivery": (engine, "_deliver"),
    }


def _utterances(job: Job) -> list[Utterance]:
    voice = Voice.of_speaker(SPEAKERS[0])
    return [Utterance(text, LANGUAGE, voice, job.seed + index) for index, text in enumerate(job.texts)]


class Ours:
    def __init__(self, folder: Path, device_name: str, precision: str, at_once: int) -> None:
        """`at_once`: texts in a job, at most."""
        self._device = settle(device_name)
        asked = {
            "XTTS_MODEL": str(folder),
            "XTTS_DEVICE": device_name,
            "XTTS_PRECISION": precision,
            "XTTS_SLOTS": str(at_once + 1),  # a file of many texts leaves one
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
        watched = self._stopwatch.on(stages(self._synthesizer)) if job.profile else nullcontext()
        reset_peak(self._device)
        with watched:
            seconds, audio = asyncio.run(self._say(job))
        memory = peak_memory(self._device)
        first = asyncio.run(self._begin(job))
        profile = self._profile(job, seconds) if job.profile else None
        return Take(seconds, audio, first, memory, profile)

    def laps(self) -> dict[str, list[float]]:
        """Seconds of each call, by stage, of the last job with a profile."""
        return self._stopwatch.laps

    async def _say(self, job: Job) -> tuple[float, float]:
        """Seconds that files of all texts take, and seconds of audio that come out."""
        samples = 0
        begun = time.perf_counter()
        async for event in self._synthesizer.synthesize(_utterances(job)):
            if isinstance(event, Audio):
                samples += len(event.samples)
        seconds = time.perf_counter() - begun
        return seconds, samples / self._synthesizer.status().model.sample_rate

    async def _begin(self, job: Job) -> tuple[float, ...]:
        """Seconds to the first samples of each text, each a stream of its own. They play until all have begun."""
        first: dict[int, float] = {}
        begun = time.perf_counter()

        async def follow(index: int, utterance: Utterance) -> None:
            async with aclosing(self._synthesizer.synthesize([utterance], listening=True)) as events:
                async for event in events:
                    if isinstance(event, Audio):
                        first.setdefault(index, time.perf_counter() - begun)
                    if len(first) == len(job.texts):
                        return

        again = replace(job, texts=[f"Again, {text}" for text in job.texts])  # new ones, see benchmarks/texts.py
        await asyncio.gather(*(follow(*each) for each in enumerate(_utterances(again))))
        return tuple(first.values())

    def _profile(self, job: Job, seconds: float) -> Profile:
        watch = self._stopwatch
        read = self._synthesizer._engine._decoder.bytes_per_step(halfway(self._synthesizer._model.tokenizer, job))
        step = statistics.median(watch.laps["step"])
        return Profile(seconds, watch.total("prefill"), step, read, watch.total("vocoder"))
