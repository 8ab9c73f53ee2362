"""What a lower precision costs: its next-code distributions against float32's, and its samples.

Codes are drawn in float32 and fed to both, so that they are compared at the same places whatever either would say.
"""

import copy
from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from benchmarks.checkpoint import bench_checkpoint
from benchmarks.hardware import hardware
from benchmarks.measures import LANGUAGE, settle
from benchmarks.options import Options
from benchmarks.report import Report, Table, publish
from benchmarks.texts import texts
from runners.config import EngineConfig
from runners.demo import make_demo
from runners.models.landing import land
from runners.xtts.build import build_transformer, prepare_kernels
from runners.xtts.checkpoint import load_checkpoint, sampling_defaults
from runners.xtts.decoder import PLACEHOLDER_CODE
from runners.xtts.frames import Stretch, stretch_for
from runners.xtts.gpt import GPT
from runners.xtts.precision import FP32, Precision, choose_precision
from runners.xtts.sampling import Sampler, SamplingParams
from runners.xtts.transformer import Transformer
from runners.xtts.vocoder import Vocoder

MAX_DIVERGENCE = 0.01  # nats, the mean over all places
MIN_AGREEMENT = 0.98  # of the most likely codes
MIN_SNR = 40.0  # dB
CONDITIONING_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Line:
    """What is said, and by whom."""

    language: str
    text: str
    speaker: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    places: int  # distributions compared
    divergence: float  # KL(float32 || this), nats, mean
    worst_divergence: float  # at the worst place
    agreement: float  # share of places whose most likely code is the same
    snr: float  # dB, of the samples that both vocoders make of float32's latents; the worst line's

    @property
    def within_limits(self) -> bool:
        close = self.divergence <= MAX_DIVERGENCE and self.agreement >= MIN_AGREEMENT
        return close and self.snr >= MIN_SNR


class Voice:
    """One model in one precision, decoding a single sequence."""

    def __init__(self, xtts: Xtts, precision: Precision) -> None:
        """Leaves `xtts` as it is."""
        upstream = copy.deepcopy(xtts.gpt)
        self._xtts = xtts
        self._gpt = GPT(upstream)
        self._transformer: Transformer = build_transformer(upstream.gpt.h, 4, self._gpt, CONDITIONING_LENGTH, precision)
        self.vocoder = Vocoder(xtts.hifigan_decoder.waveform_decoder, xtts.args.output_hop_length, precision.vocoder)

    def sample(self, line: Line, seed: int, most: int) -> tuple[list[int], Tensor, Tensor]:
        """Draw at most so many codes: the codes, their log-probabilities (codes, 1026) and latents (codes, dim)."""
        defaults = sampling_defaults(self._xtts)
        sampler = Sampler(1, self._gpt.codes, (PLACEHOLDER_CODE, self._gpt.start_code), self._gpt.device)
        params = (defaults.temperature, defaults.top_k, defaults.top_p, defaults.repetition_penalty)
        sampler.seat(0, SamplingParams(*params, stream=seed))
        codes: list[int] = []
        states = []
        while len(codes) < most and (not codes or codes[-1] != self._gpt.stop_code):
            states.append(self._next(line, codes))
            (code,) = sampler.draw(self._gpt.logits(states[-1]), torch.zeros(1, dtype=torch.int64)).tolist()
            codes.append(code)
        return codes, self._chances(states), torch.cat(states)

    def forced(self, line: Line, codes: Items[int]) -> Tensor:
        """Log-probabilities (codes, 1026) where these codes are fed."""
        return self._chances([self._next(line, codes[:place]) for place in range(len(codes))])

    def _next(self, line: Line, codes: Items[int]) -> Tensor:
        """The state (1, dim) after these codes; called with one more of them each time."""
        if not codes:
            tokens = torch.tensor(self._xtts.tokenizer.encode(line.text.lower(), lang=line.language))
            conditioning = self._xtts.speaker_manager.speakers[line.speaker]["gpt_cond_latent"]
            prefix = self._gpt.prefix(tokens, conditioning)
            self._length = len(prefix)
            return self._gpt.hidden(self._transformer.prefill([0], [prefix]))
        rows = torch.ones(4, dtype=torch.int64)  # the first is ours, the others are there for the shape
        x = self._gpt.embed(rows * codes[-1], rows * len(codes))
        lengths = rows * (self._length + len(codes) - 1)
        return self._gpt.hidden(self._transformer.decode(x, lengths, self._transformer.capacity))[:1]

    def _chances(self, states: Items[Tensor]) -> Tensor:
        return self._gpt.logits(torch.cat(list(states))).log_softmax(dim=1)


@torch.inference_mode()
def compare(xtts: Xtts, precision: Precision, lines: Items[Line], most: int) -> Accuracy:
    """`most`: codes of a line, at most."""
    exact, other = Voice(xtts, FP32), Voice(xtts, precision)
    stretch = stretch_for(1.0, xtts.args.gpt_code_stride_len, exact.vocoder.hop, *_rates(xtts))
    divergences, agreements, snrs = [], [], []
    for seed, line in enumerate(lines):
        codes, expected, latents = exact.sample(line, seed, most)
        found = other.forced(line, codes)
        divergences += (expected.exp() * (expected - found)).nansum(dim=1).tolist()
        agreements += (expected.argmax(dim=1) == found.argmax(dim=1)).tolist()
        embedding = xtts.speaker_manager.speakers[line.speaker]["speaker_embedding"]
        snrs.append(_snr(*(_speak(voice.vocoder, stretch, latents, embedding) for voice in (exact, other))))
    return Accuracy(len(divergences), mean(divergences), max(divergences), mean(agreements), min(snrs))


def run(options: Options) -> None:
    """On a CPU, in its own precision and, for comparison, in bfloat16."""
    device = settle("cpu")
    prepare_kernels(EngineConfig.from_env().kernels_dir)
    most, count = (40, 2) if options.quick else (150, 8)
    rows, data = [], []
    for name, folder in _checkpoints(options, most):
        xtts = load_checkpoint(folder, device)
        for precision in _precisions(xtts):
            accuracy = compare(xtts, precision, list(_lines(xtts, count)), most)
            rows.append(_row(name, precision, accuracy))
            data.append({"checkpoint": name, "precision": precision.name, **_fields(accuracy)})
            print(*rows[-1], sep="  ", flush=True)
    table = Table("Accuracy", COLUMNS, rows)
    publish(Report("accuracy", METHOD, hardware(device), {"accuracy": data}, [table]), options.out, options.readme)


COLUMNS = (
    "checkpoint",
    "precision",
    "places",
    f"KL, nats (<= {MAX_DIVERGENCE})",
    "worst KL",
    f"same best code (>= {MIN_AGREEMENT:.0%})",
    f"vocoder SNR, dB (>= {MIN_SNR:.0f})",
)
METHOD = (
    "Codes were drawn in float32 with the checkpoint's own settings and fed to both precisions; compared are the"
    " distributions of the next code at temperature 1, before any processing, and the samples that both vocoders make"
    " of the same latents."
)


def _checkpoints(options: Options, most: int) -> Iterator[tuple[str, Path]]:
    """A checkpoint of one's own, by XTTS_MODEL, or else the two that can be made up."""
    model = EngineConfig.from_env().model
    if model != "demo":
        from runners.models.source import resolve_model

        config = EngineConfig.from_env()
        yield model, resolve_model(model, config.cache_dir, config.tos_agreed)
        return
    yield "demo", land(options.cache / "demo", make_demo)
    yield "full size, made-up weights", bench_checkpoint(options.cache, most)


def _precisions(xtts: Xtts) -> Iterator[Precision]:
    auto = choose_precision("auto", torch.device("cpu"), xtts.gpt.gpt.h[0])
    if auto != FP32:
        yield auto
    yield Precision("bf16", False, torch.bfloat16, torch.bfloat16)


def _lines(xtts: Xtts, count: int) -> Iterator[Line]:
    speakers = list(xtts.speaker_manager.speakers)[:2]
    for index, text in enumerate(texts(count, first=0)):
        yield Line(LANGUAGE, text, speakers[index % len(speakers)])


def _row(name: str, precision: Precision, accuracy: Accuracy) -> list[str]:
    return [
        name,
        precision.name,
        str(accuracy.places),
        f"{accuracy.divergence:.5f}",
        f"{accuracy.worst_divergence:.4f}",
        f"{accuracy.agreement:.2%}",
        f"{accuracy.snr:.1f}",
    ]


def _fields(accuracy: Accuracy) -> dict[str, float]:
    return {name: getattr(accuracy, name) for name in ("places", "divergence", "worst_divergence", "agreement", "snr")}


def _speak(vocoder: Vocoder, stretch: Stretch, latents: Tensor, embedding: Tensor) -> Tensor:
    codes = len(latents)
    frames = stretch.window(latents, 0, stretch.total(codes), codes)
    return vocoder.speak(frames[None], embedding)[0]


def _rates(xtts: Xtts) -> tuple[int, int]:
    return xtts.args.input_sample_rate, xtts.args.output_sample_rate


def _snr(expected: Tensor, found: Tensor) -> float:
    noise = (expected - found).double().square().sum()
    return float(10 * torch.log10(expected.double().square().sum() / noise.clamp(min=1e-20)))
