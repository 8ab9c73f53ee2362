"""`Xtts.inference` as upstream loads it and runs it: fp32, one text after the other. What every peer serves."""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from benchmarks.checkpoint import SPEAKERS
from benchmarks.engine.measures import Job, Profile, Take, bytes_of_step, halfway, peak_memory, reset_peak, settle
from benchmarks.engine.stopwatch import Stopwatch
from benchmarks.texts import LANGUAGE
from runners.xtts.checkpoint import sampling_defaults


def load_upstream(folder: Path, device: torch.device) -> Xtts:
    """As upstream loads it."""
    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    xtts = Xtts(config)
    xtts.load_checkpoint(config, checkpoint_dir=folder, eval=True)
    return xtts.to(device)


class Upstream:
    def __init__(self, folder: Path, device_name: str) -> None:
        self._device = settle(device_name)
        self._xtts = load_upstream(folder, self._device)
        self._stopwatch = Stopwatch(self._device)
        self._loading = peak_memory(self._device)

    def loading(self) -> int:
        """Bytes: the most that was held until the model was there."""
        return self._loading

    def speak(self, job: Job) -> Take:
        gpt, vocoder = self._xtts.gpt, self._xtts.hifigan_decoder
        stages = {
            "generate": (gpt, "generate"),
            "forward": (gpt.gpt_inference, "forward"),  # within generate: the prefill, then the steps
            "vocoder": (vocoder, "forward"),
        }
        watched = self._stopwatch.on(stages) if job.profile else nullcontext()
        reset_peak(self._device)
        torch.manual_seed(job.seed)
        with watched:
            begun = time.perf_counter()
            waves = [self._xtts.inference(text, **self._arguments())["wav"] for text in job.texts]
            seconds = time.perf_counter() - begun
        audio = sum(map(len, waves)) / self._xtts.args.output_sample_rate
        profile = self._profile(job, seconds) if job.profile else None
        return Take(seconds, audio, (seconds,) * len(job.texts), peak_memory(self._device), profile)

    def first_chunk(self, job: Job) -> float:
        """Seconds to the first samples of `inference_stream`, upstream's way of not waiting for the end."""
        torch.manual_seed(job.seed)
        begun = time.perf_counter()
        chunks = self._xtts.inference_stream(job.texts[0], **self._arguments())
        next(chunks).cpu()
        seconds = time.perf_counter() - begun
        chunks.close()
        return seconds

    def _arguments(self) -> dict[str, Any]:
        """The checkpoint's own settings, as our engine takes them: those of `inference` are others."""
        stored, settings = self._xtts.speaker_manager.speakers[SPEAKERS[0]], sampling_defaults(self._xtts.config)
        return {
            "language": LANGUAGE,
            "gpt_cond_latent": stored["gpt_cond_latent"],
            "speaker_embedding": stored["speaker_embedding"],
            "do_sample": True,
            "temperature": settings.temperature,
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "repetition_penalty": settings.repetition_penalty,
        }

    def _profile(self, job: Job, seconds: float) -> Profile:
        watch, count = self._stopwatch, len(job.texts)
        prefill = sum(watch.laps["forward"][:: job.codes])
        step = (watch.total("generate") - prefill) / (count * (job.codes - 1))
        lengths = halfway(self._xtts.tokenizer, job)[:1]
        return Profile(seconds, prefill, step, bytes_of_step(self._xtts.gpt, lengths), watch.total("vocoder"))
