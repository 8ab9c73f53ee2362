"""An engine on the demo checkpoint, and what tests say through it: the whole engine, without BentoML and HTTP."""

import copy
import queue
from collections.abc import Iterator
from collections.abc import Sequence as Items
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.conditioning.latents import Latents
from runners.engine import Engine
from runners.pacing import Pacing
from runners.sequence import Request, Sequence
from runners.types import Audio, Event, Failed, PieceDone
from runners.xtts.build import build_decoder
from runners.xtts.frames import stretch_for
from runners.xtts.model import Model
from runners.xtts.precision import FP32, Precision
from runners.xtts.sampling import SamplingParams, stream_of
from runners.xtts.silent_channels import without_silent_channels
from runners.xtts.vocoder import PendingAudio, Vocoder

LINES = [
    ("hu", "Jó napot kívánok mindenkinek, aki ma velünk tart!"),
    ("hu", "Ki írta az ember tragédiáját?"),
    ("hu", "Sajnos nem."),
    ("hu", "Petőfi Sándor 1823. január 1-jén született Kiskőrösön, és 26 éves volt."),
    ("en", "Hello."),
    ("en", "The quick brown fox jumps over the lazy dog, twice."),
    ("en", "Dr. Smith paid $20 for 3 books."),
    ("en", "Wait, what?"),
    ("de", "Wer reitet so spät durch Nacht und Wind?"),
    ("de", "Es ist der Vater mit seinem Kind."),
    ("de", "Nein!"),
    ("fr", "Longtemps, je me suis couché de bonne heure."),
    ("fr", "Où est la bibliothèque?"),
    ("es", "En un lugar de la Mancha, de cuyo nombre no quiero acordarme."),
    ("es", "¿Qué hora es?"),
    ("pl", "Litwo, ojczyzno moja, ty jesteś jak zdrowie."),
    ("pl", "Dzień dobry."),
    ("it", "Nel mezzo del cammin di nostra vita."),
    ("tr", "Bugün hava çok güzel."),
    ("cs", "Dobrý den, jak se máte?"),
    ("ru", "Все счастливые семьи похожи друг на друга."),
    ("pt", "Ó mar salgado, quanto do teu sal."),
]  # language, text: 22 in 10 languages, one word to seventy characters


@dataclass(slots=True, eq=False)
class Take:
    """One utterance on its way through the engine, and what came of it."""

    language: str
    text: str
    speaker: str
    speed: float
    request: Request
    sequence: Sequence
    events: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)

    @property
    def codes(self) -> list[int]:
        return self.sequence.codes

    def finish(self, timeout: float = 120) -> NDArray[np.float32]:
        """All samples, once they are there. Raises what the request failed of."""
        parts = []
        while True:
            event = self.events.get(timeout=timeout)
            match event:
                case Audio():
                    parts.append(event.samples)
                case PieceDone():
                    return np.concatenate(parts)
                case Failed(error):
                    raise error


class Mute:
    """A vocoder that takes no time, for tests that are about codes: right lengths, no sound."""

    hop = 256
    context = 14
    at_once = 16

    def start(self, frames: Tensor, speakers: Tensor, spans: Items[tuple[int, int]]) -> PendingAudio:
        return PendingAudio(torch.zeros(len(frames), (frames.shape[1] - 2 * self.context) * self.hop), None)


class Studio:
    def __init__(
        self,
        model: Model,
        slots: int,
        max_waiting: int = 1000,
        *,
        mute: bool = False,
        precision: Precision = FP32,
        reserve: int = 0,
    ) -> None:
        self.model, self.precision = model, precision
        # int10 takes the weights; otherwise a test may put another method into this one's GPT alone
        gpt = copy.deepcopy(model.gpt) if precision.int10 else copy.copy(model.gpt)
        self.decoder = build_decoder(gpt, slots, precision)
        self.vocoder = Mute() if mute else vocoder_of(model, precision)
        self.engine = Engine(
            self.decoder,
            self.vocoder,  # type: ignore[arg-type]  # Mute has what the engine uses
            pacing(),
            max_waiting,
            reserve=reserve,
        )

    def tokens(self, language: str, text: str) -> Tensor:
        return torch.tensor(self.model.tokenizer.encode(text.strip().lower(), lang=language))

    def take(
        self,
        language: str,
        text: str,
        speaker: str = "Demo Low",
        *,
        seed: int = 1,
        temperature: float = 0.0,
        speed: float = 1.0,
    ) -> Take:
        """Prepared, not submitted. Greedy unless a temperature is given."""
        stored = self.model.speakers[speaker]
        sequence = Sequence(
            0,
            0,
            self.tokens(language, text),
            Latents(stored["gpt_cond_latent"], stored["speaker_embedding"]),
            SamplingParams(temperature, 50, 0.85, 5.0, stream_of(seed, 0)),
            stretch_for(speed, 1024, 256, 22050, 24000),
        )
        take = Take(language, text, speaker, speed, Request([sequence], lambda event: None), sequence)
        take.request.deliver = take.events.put
        return take

    def submit(self, takes: Items[Take]) -> None:
        for take in takes:
            self.engine.submit(take.request)

    def record(self, takes: Items[Take]) -> list[NDArray[np.float32]]:
        self.submit(takes)
        return [take.finish() for take in takes]


def upstream_codes(xtts: Xtts, language: str, text: str, speaker: str) -> list[int]:
    """What upstream's `inference` decodes, greedily, by the call that it makes."""
    tokens = torch.IntTensor(xtts.tokenizer.encode(text.strip().lower(), lang=language))[None]
    codes = xtts.gpt.generate(
        cond_latents=xtts.speaker_manager.speakers[speaker]["gpt_cond_latent"].to(xtts.device),
        text_inputs=tokens.to(xtts.device),
        do_sample=False,
        num_beams=1,
        repetition_penalty=5.0,
        num_return_sequences=1,
    )
    drawn: list[int] = codes[0].tolist()
    return drawn


def upstream_wave(xtts: Xtts, language: str, text: str, speaker: str, speed: float = 1.0) -> NDArray[np.float32]:
    stored = xtts.speaker_manager.speakers[speaker]
    wave: NDArray[np.float32] = xtts.inference(
        text,
        language,
        stored["gpt_cond_latent"],
        stored["speaker_embedding"],
        do_sample=False,
        repetition_penalty=5.0,
        speed=speed,
    )["wav"]
    return wave


def pacing() -> Pacing:
    return Pacing(frame=256 / 24_000, code=1024 / 22_050, context=14)


def vocoder_of(model: Model, precision: Precision = FP32) -> Vocoder:
    """As the engine's is built, but `model` keeps its own."""
    stream = torch.cuda.Stream(model.device) if model.device.type == "cuda" else None  # type: ignore[no-untyped-call]
    generator = without_silent_channels(model.hifigan_decoder.waveform_decoder)
    return Vocoder(generator, model.args.output_hop_length, precision.vocoder, stream)


@contextmanager
def studio(
    model: Model,
    slots: int,
    max_waiting: int = 1000,
    *,
    mute: bool = False,
    precision: Precision = FP32,
    reserve: int = 0,
) -> Iterator[Studio]:
    open_studio = Studio(model, slots, max_waiting, mute=mute, precision=precision, reserve=reserve)
    open_studio.engine.start()
    try:
        yield open_studio
    finally:
        open_studio.engine.stop()


def snr(signal: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """dB; the lengths must be equal."""
    noise = np.square(signal.astype(np.float64) - other).sum()
    return float(10 * np.log10(np.square(signal.astype(np.float64)).sum() / max(noise, 1e-20)))
