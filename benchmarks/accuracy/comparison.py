"""A lower precision's next-code distributions against float32's, and its vocoder's samples.

Codes are drawn in float32 and fed to both, so that they are compared at the same places whatever either would say.
"""

import copy
from collections.abc import Sequence as Items
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from runners.xtts.build import build_transformer
from runners.xtts.checkpoint import sampling_defaults
from runners.xtts.decoder import PLACEHOLDER_CODE, rows_of
from runners.xtts.frames import Stretch, stretch_for
from runners.xtts.model import Model
from runners.xtts.precision import FP32, Precision
from runners.xtts.sampling import Sampler, SamplingParams
from runners.xtts.transformer import Transformer
from runners.xtts.vocoder import Vocoder

MAX_DIVERGENCE = 0.01  # nats, the mean over all places
MIN_AGREEMENT = 0.98  # of the most likely codes
MIN_SNR = 40.0  # dB


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


@torch.inference_mode()
def compare(model: Model, precision: Precision, lines: Items[Line], most: int) -> Accuracy:
    """`most`: codes of a line, at most. Leaves `model` as it is."""
    torch.backends.cudnn.allow_tf32 = False  # as the service sets it: float32 is float32
    exact, other = _Speaker(model, FP32, lines), _Speaker(model, precision, lines)
    codes, states = exact.sample(most)
    counts = [_count(drawn, exact.stop_code) for drawn in codes.T.tolist()]
    told = torch.arange(len(codes), device=codes.device)[:, None] < torch.tensor(counts, device=codes.device)
    expected, found = exact.chances(states)[told], other.chances(other.forced(codes))[told]
    divergences = (expected.exp() * (expected - found)).nansum(dim=1)
    stretch = _stretch(model, exact.vocoder.hop)
    snrs = []
    for number, (line, count) in enumerate(zip(lines, counts, strict=True)):
        embedding = model.speakers[line.speaker]["speaker_embedding"]
        latents = states[:count, number]
        snrs.append(_snr(*(_speak(each.vocoder, stretch, latents, embedding) for each in (exact, other))))
    return Accuracy(
        places=sum(counts),
        divergence=divergences.mean().item(),
        worst_divergence=divergences.max().item(),
        agreement=(expected.argmax(dim=1) == found.argmax(dim=1)).float().mean().item(),
        snr=min(snrs),
    )


class _Speaker:
    """One model in one precision, which says all lines at once, a slot each."""

    def __init__(self, model: Model, precision: Precision, lines: Items[Line]) -> None:
        self._model, self._gpt, self._lines = model, copy.deepcopy(model.gpt), lines
        self._rows = rows_of(len(lines))  # those after the lines are there for the shape
        self._transformer: Transformer = build_transformer(self._gpt, self._rows, precision)
        self.vocoder = Vocoder(model.hifigan_decoder.waveform_decoder, model.args.output_hop_length, precision.vocoder)
        self.stop_code = self._gpt.stop_code

    def sample(self, most: int) -> tuple[Tensor, Tensor]:
        """Codes (steps, lines), drawn until all lines have stopped or `most` are there, and what each was drawn from:
        states (steps, lines, dim)."""
        sampler = self._sampler()
        rows = torch.arange(self._rows, device=self._gpt.device)
        codes: list[Tensor] = []
        states = [self._begin()]
        while True:
            codes.append(sampler.draw(self._gpt.logits(states[-1]), rows))
            if len(codes) == most or self._of_lines(codes).eq(self.stop_code).any(dim=0).all():
                return self._of_lines(codes), self._of_lines(states)
            states.append(self._feed(codes[-1]))

    def forced(self, codes: Tensor) -> Tensor:
        """States (steps, lines, dim) where these codes (steps, lines) are fed."""
        codes = F.pad(codes, (0, self._rows - len(self._lines)))
        return self._of_lines([self._begin(), *(self._feed(each) for each in codes[:-1])])

    def chances(self, states: Tensor) -> Tensor:
        """Log-probabilities (steps, lines, codes) of the next code at temperature 1."""
        logits = self._gpt.logits(states.flatten(0, 1))
        return logits.log_softmax(dim=1).view(*states.shape[:2], -1)

    def _sampler(self) -> Sampler:
        """With the checkpoint's own settings; every row draws from its own stream."""
        defaults = sampling_defaults(self._model.config)
        sampler = Sampler(self._rows, self._gpt.codes, (PLACEHOLDER_CODE, self._gpt.start_code), self._gpt.device)
        for row in range(self._rows):
            sampler.seat(row, SamplingParams(**asdict(defaults), stream=row))
        return sampler

    def _begin(self) -> Tensor:
        """The states (rows, dim) that the first codes are drawn from."""
        prefixes = [self._prefix(line) for line in self._lines]
        vacant = [1] * (self._rows - len(prefixes))
        self._lengths = torch.tensor([*map(len, prefixes), *vacant], device=self._gpt.device)
        self._fed = 0
        states = self._transformer.prefill(range(len(prefixes)), prefixes)
        return self._gpt.hidden(F.pad(states, (0, 0, 0, len(vacant))))

    def _feed(self, codes: Tensor) -> Tensor:
        """The states (rows, dim) after these codes (rows,)."""
        self._fed += 1
        x = self._gpt.embed(codes, torch.full_like(codes, self._fed))
        states = self._transformer.decode(x, self._lengths, self._transformer.capacity)
        self._lengths += 1
        return self._gpt.hidden(states)

    def _prefix(self, line: Line) -> Tensor:
        tokens = torch.tensor(self._model.tokenizer.encode(line.text.lower(), lang=line.language))
        return self._gpt.prefix(tokens, self._model.speakers[line.speaker]["gpt_cond_latent"])

    def _of_lines(self, steps: Items[Tensor]) -> Tensor:
        return torch.stack(list(steps))[:, : len(self._lines)]


def _count(codes: list[int], stop: int) -> int:
    """How many of them the line has: up to its stop code."""
    return codes.index(stop) + 1 if stop in codes else len(codes)


def _stretch(model: Model, hop: int) -> Stretch:
    args = model.args
    return stretch_for(1.0, args.gpt_code_stride_len, hop, args.input_sample_rate, args.output_sample_rate)


def _speak(vocoder: Vocoder, stretch: Stretch, latents: Tensor, embedding: Tensor) -> Tensor:
    codes = len(latents)
    frames = stretch.window(latents, 0, stretch.total(codes), codes)
    return vocoder.vocode(frames[None], embedding)[0]


def _snr(expected: Tensor, found: Tensor) -> float:
    noise = (expected - found).double().square().sum()
    return float(10 * torch.log10(expected.double().square().sum() / noise.clamp(min=1e-20)))
