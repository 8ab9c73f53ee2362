"""The runner without BentoML: a loaded model, and utterances in, events out. Joins text, latents and engine."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from collections.abc import Sequence as Items
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from runners.checkpoint.look import look_at
from runners.conditioning.cache import LatentsCache
from runners.conditioning.conditioner import Conditioner, latent_shapes
from runners.conditioning.voice_file import StyleLatents, VoiceLatents
from runners.config import EngineConfig
from runners.engine import Engine
from runners.errors import SpeechError
from runners.metrics import RunnerMetrics
from runners.models.source import is_demo, resolve_model
from runners.pacing import Pacing
from runners.playback import Playback
from runners.sequence import Request, Sequence
from runners.storage import Storage
from runners.text.pieces import TextFrontend
from runners.threads import in_fresh_thread
from runners.types import (
    Audio,
    Event,
    Failed,
    Finished,
    LatentsReady,
    ModelCard,
    PieceDone,
    Status,
    StopReason,
    Utterance,
    Voice,
)
from runners.xtts.build import build_decoder, build_vocoder, give_memory_back, prepare_kernels, slots_that_fit
from runners.xtts.checkpoint import choose_device, load_checkpoint, sampling_defaults
from runners.xtts.decoder import Decoder
from runners.xtts.frames import Stretch, stretch_for
from runners.xtts.identity import checkpoint_identity
from runners.xtts.model import Model
from runners.xtts.precision import Precision, choose_precision
from runners.xtts.sampling import SamplingParams, stream_of
from runners.xtts.vocoder import Vocoder
from runners.xtts.windows import BATCHED_FRAMES

DEMO_NOTICE = (
    "This is the demo voice: a small model that sounds like espeak-ng and is often hard to understand, in English and"
    " Hungarian. It is for trying everything out."
    " For natural speech: COQUI_TOS_AGREED=1 XTTS_MODEL=hf://coqui/XTTS-v2 (weights under CPML, non-commercial)"
)

log = logging.getLogger(__name__)


class Synthesizer:
    def __init__(
        self, card: ModelCard, model: Model, conditioner: Conditioner, engine: Engine, metrics: RunnerMetrics
    ) -> None:
        self._card = card
        self._model = model
        self._frontend = TextFrontend(model.tokenizer, card.languages, model.args.gpt_max_text_tokens)
        self._conditioner = conditioner
        self._engine = engine
        self._bulk_preparing = asyncio.Lock()
        self._metrics = metrics
        self._defaults = sampling_defaults(model.config)

    @classmethod
    def load(cls, config: EngineConfig, worker: int = 0, on_death: Callable[[], None] = lambda: None) -> "Synthesizer":
        """Everything a process needs, its engine running. Raises ConfigurationError when that cannot be.

        `worker` counts the processes from 0; `on_death` is called if the engine is lost.
        """
        speech = in_fresh_thread(lambda: cls._load(config, worker, on_death))
        speech.start()
        return speech

    @classmethod
    def _load(cls, config: EngineConfig, worker: int, on_death: Callable[[], None]) -> "Synthesizer":
        folder = resolve_model(config.model, config.cache_dir, config.tos_agreed)
        device = choose_device(config.device, worker, torch.cuda.device_count())
        torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32, in convolutions too
        checkpoint = look_at(folder)
        model = load_checkpoint(checkpoint, device)
        metrics = RunnerMetrics(model.args.output_sample_rate, _memory_of(device))
        storage = Storage(config.bucket) if config.bucket else None
        cache = LatentsCache(
            config.latents_dir,
            latent_shapes(model),
            capacity=config.latents_in_memory,
            storage=storage,
            count=metrics.looked_up,
        )
        conditioner = Conditioner(model, checkpoint=checkpoint_identity(checkpoint), cache=cache, storage=storage)
        precision = choose_precision(config.precision, device, model.gpt.blocks[0])
        decoder, vocoder = cls._parts_of(model, precision, config)
        slots = decoder.slots
        reserve = max(1, slots // 4) if config.reserved_slots is None else config.reserved_slots
        pacing = Pacing(
            vocoder.hop / model.args.output_sample_rate,
            model.args.gpt_code_stride_len / model.args.input_sample_rate,
            vocoder.context,
            blocking=vocoder.device.type == "cpu",
        )
        engine = Engine(decoder, vocoder, pacing, config.max_waiting, on_death, reserve=reserve, observer=metrics)
        card = ModelCard(
            name=config.model if config.model.startswith("hf://") else Path(config.model).name,  # no path of ours
            demo=is_demo(config.model),
            device=str(device),
            precision=precision.name,
            sample_rate=model.args.output_sample_rate,
            languages=tuple(model.config.languages),
            speakers=conditioner.speakers,
            checkpoint=conditioner.checkpoint,
            notice=DEMO_NOTICE if is_demo(config.model) else "",
        )
        return cls(card, model, conditioner, engine, metrics)

    @staticmethod
    def _parts_of(model: Model, precision: Precision, config: EngineConfig) -> tuple[Decoder, Vocoder]:
        prepare_kernels(config.kernels_dir)
        vocoder = build_vocoder(model, precision)
        vocoder.warm_up(BATCHED_FRAMES)
        slots = config.slots or slots_that_fit(model.gpt, precision)
        decoder = build_decoder(model.gpt, slots, precision)
        give_memory_back()
        return decoder, vocoder

    def start(self) -> None:
        self._engine.start()
        card, slots = self._card, self._engine.load.slots
        log.info("Model %s is loaded on %s in %s, %d slots", card.name, card.device, card.precision, slots)
        if self._card.notice:
            log.warning("%s", self._card.notice)

    def stop(self) -> None:
        self._engine.stop()

    def status(self) -> Status:
        return Status(self._card, self._engine.load)

    async def synthesize(
        self, utterances: Items[Utterance], *, bulk: bool = False, listening: bool = False
    ) -> AsyncGenerator[Event, None]:
        """All utterances enter the engine at once; their events come as they happen, `Finished` last.

        Bulk requests are never refused, and are prepared one by one, so that threads are left for the others.
        `listening`: somebody plays the first utterance while the rest is made (see pacing.py).

        Raises:
            InvalidInput, Overloaded: before any event; the engine has seen nothing of the request.
        """
        began = time.perf_counter()
        if not bulk:
            self._engine.check_room()
        async with self._bulk_preparing if bulk else nullcontext():
            sequences = await asyncio.to_thread(self._prepare, utterances)
        for index in sorted(set(range(len(utterances))) - {sequence.utterance for sequence in sequences}):
            yield Audio(index, 0, np.zeros(0, np.float32))  # it has nothing to say
            yield PieceDone(index, 0, 0, StopReason.STOP_CODE)
        if not sequences:
            yield Finished()
            return
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event] = asyncio.Queue()

        def deliver(event: Event) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process is ending, and nothing reads its events
                loop.call_soon_threadsafe(events.put_nowait, event)

        characters = sum(len(utterance.text) for utterance in utterances)
        watch = self._metrics.watch(deliver, len(sequences), characters, None if bulk else began)
        request = Request(sequences, watch, bulk, Playback() if listening else None)
        self._engine.submit(request)
        try:
            async for event in _until_over(events, len(sequences)):
                yield event
        finally:
            self._engine.cancel(request)
            watch.leave()

    async def latents(self, styles: Mapping[str, Voice]) -> AsyncGenerator[Event, None]:
        """The latents of each style of a voice, as one file. Raises what `Conditioner.latents` raises."""
        yield LatentsReady(await asyncio.to_thread(self._voice_file, styles))
        yield Finished()

    def _voice_file(self, styles: Mapping[str, Voice]) -> bytes:
        latents = {style: self._conditioner.latents(voice) for style, voice in styles.items()}
        tensors = {
            style: StyleLatents(each.gpt_cond_latent.numpy(), each.speaker_embedding.numpy())
            for style, each in latents.items()
        }
        return VoiceLatents(self._conditioner.checkpoint, self._card.name, tensors).pack()

    def _prepare(self, utterances: Items[Utterance]) -> list[Sequence]:
        """Texts to tokens, voices to latents. Blocks; raises InvalidInput."""
        sequences: list[Sequence] = []
        for index, utterance in enumerate(utterances):
            try:
                sequences += self._sequences(index, utterance)
            except SpeechError as error:
                raise error.at(index) from error
        return sequences

    def _sequences(self, index: int, utterance: Utterance) -> list[Sequence]:
        pieces = self._frontend.pieces(utterance.text, utterance.language, brief_start=utterance.brief_start)
        latents = self._conditioner.latents(utterance.voice)
        stretch = self._stretch(utterance.speed)
        return [
            Sequence(
                index,
                number,
                torch.tensor(piece.tokens),
                latents,
                self._sampling(utterance, number),
                stretch,
                last=number == len(pieces) - 1,
            )
            for number, piece in enumerate(pieces)
        ]

    def _sampling(self, utterance: Utterance, piece: int) -> SamplingParams:
        asked = {name: value for name, value in asdict(utterance.sampling).items() if value is not None}
        return SamplingParams(**{**asdict(self._defaults), **asked}, stream=stream_of(utterance.seed, piece))

    def _stretch(self, speed: float) -> Stretch:
        args = self._model.args
        return stretch_for(
            speed, args.gpt_code_stride_len, args.output_hop_length, args.input_sample_rate, args.output_sample_rate
        )


def _memory_of(device: torch.device) -> tuple[str, Callable[[], tuple[int, int]]] | None:
    """A GPU's name, and a function that returns its free and total bytes."""
    return (str(device), lambda: torch.cuda.mem_get_info(device)) if device.type == "cuda" else None


async def _until_over(events: "asyncio.Queue[Event]", pieces: int) -> AsyncGenerator[Event, None]:
    """The events of a request of so many pieces, and `Finished` after the last. Raises the error of a `Failed`."""
    while pieces:
        event = await events.get()
        if isinstance(event, Failed):
            raise event.error
        pieces -= isinstance(event, PieceDone)
        yield event
    yield Finished()
