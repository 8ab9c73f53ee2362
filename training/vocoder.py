"""Trains a narrow HiFi-GAN for 24 kHz: first on what is told of the codes, then on the GPT's own latents.

The first needs no GPT, so both can be trained at once.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runners.demo.layout import WIDTH, folded
from training.codebook import load_codebook
from training.examples import OUTPUT_RATE, Example, Examples, delayed, delayed_wave
from training.features import RATE, STRIDE, TARGETS, median_pitch
from training.gpt import Gpt
from training.model import latents
from training.plan import Plan
from training.runs import Measures, Run, rate, set_rate
from training.source_filter import HOP, at_frames, is_high, pulsed
from training.speaker import CLIP_RATE, EMBEDDING, build_encoder, cut, low_rate
from training.spectral import BLIND_TO_HARMONICS, spectral_distance, waveform_distance

FIRST_CHANNELS, CHANNELS = 256, 128  # upstream has 512 and 256
KERNELS, DILATIONS = (3, 7), (1, 3, 5)
RATIO = OUTPUT_RATE / RATE
ROWS, WINDOW = 8, 18  # codes
WAVES = 4.0  # the weight of the pulses' samples beside spectra
_PEAK_RATE, _TUNING_RATE = 1e-3, 4e-4
_CLIPS, _CLIP_SECONDS = 4, 3

Inputs = Callable[[list[Example], random.Random], list[Tensor]]  # (codes + 1, dim) of each


class Block(nn.Module):
    """`ResBlock1` of upstream's HiFi-GAN, without weight norm."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.convs1, self.convs2 = (
            nn.ModuleList(
                nn.Conv1d(CHANNELS, CHANNELS, kernel, dilation=d, padding=d * (kernel // 2)) for d in dilations
            )
            for dilations in (DILATIONS, (1, 1, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(F.leaky_relu(first(F.leaky_relu(x, 0.1)), 0.1))
        return x


class Vocoder(nn.Module):
    """A HiFi-GAN whose other stages than the first are one linear filter bank: 64 samples for every 32.

    All that is learned happens at 94 and at 750 Hz, where a CPU trains it quickly. `hifigan.py` writes it as upstream
    has it.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(inputs, FIRST_CHANNELS, 7, padding=3)
        self.cond_layer = nn.Conv1d(EMBEDDING, FIRST_CHANNELS, 1)
        self.up = nn.ConvTranspose1d(FIRST_CHANNELS, CHANNELS, 16, 8, padding=4)
        self.cond = nn.Conv1d(EMBEDDING, CHANNELS, 1)
        self.blocks = nn.ModuleList(Block(kernel) for kernel in KERNELS)
        self.bank = nn.ConvTranspose1d(CHANNELS, 1, 64, 32, padding=16, bias=False)
        for layer in (self.cond_layer, self.cond):
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """(rows, inputs, frames) and (rows, EMBEDDING, 1) to (rows, 1, 256 samples a frame)."""
        x = F.leaky_relu(self.conv_pre(x) + self.cond_layer(g), 0.1)
        x = self.up(x) + self.cond(g)
        x = (x + sum(block(x) for block in self.blocks)) / 3  # upstream's third block changes nothing
        made: Tensor = torch.tanh(self.bank(F.leaky_relu(x, 0.1)))
        return made


def stretch(rows: Tensor) -> Tensor:
    """(rows, codes, dim) to (rows, dim, frames at 24 kHz), as `HifiDecoder.forward` does."""
    frames = F.interpolate(rows.transpose(1, 2), scale_factor=STRIDE / HOP, mode="linear")
    return F.interpolate(frames, scale_factor=RATIO, mode="linear")


@dataclass(frozen=True, slots=True)
class Windows:
    """A batch: what the vocoder is given, (ROWS, WINDOW, dim) and (ROWS, 512, 1), and what it should say of it."""

    inputs: Tensor
    speakers: Tensor
    real: Tensor  # (ROWS, samples)
    pulsed: Tensor  # the same: what has a voice, with two pulses a frame
    high: Tensor  # (ROWS,): whether the speaker's voice is


class Speech:
    """Windows of utterances whose speakers can be heard."""

    def __init__(self, plan: Plan) -> None:
        self.codebook = load_codebook(plan.work)
        self.examples = Examples(plan.shards[1 : plan.audio_shards], self.codebook)
        self.long_enough = [e for e in self.examples.all if len(e.codes) > WINDOW and len(e.audio)]
        heard = {e.speaker for e in self.long_enough}
        self.embeddings = {who: embeddings(plan, self.examples.by_speaker[who]) for who in heard}
        f0 = {who: median_pitch([e.told.float() for e in self.examples.by_speaker[who]]) for who in heard}
        self.high = {who: is_high(hz) for who, hz in f0.items()}
        count = Counter(self.high[e.speaker] for e in self.long_enough)
        self.weights = [1 / count[self.high[e.speaker]] for e in self.long_enough]  # high voices are few

    def told(self, chosen: list[Example], rng: random.Random) -> list[Tensor]:
        return [self.codebook.normalise(delayed(e.told, self.codebook.silence)) for e in chosen]

    def batch(self, step: int, inputs: Inputs) -> Windows:
        rng = random.Random(step)
        chosen = rng.choices(self.long_enough, self.weights, k=ROWS)
        starts = [rng.randint(0, len(e.codes) + 1 - WINDOW) for e in chosen]

        def windows(rows: list[Tensor]) -> Tensor:
            return torch.stack([row[start : start + WINDOW] for row, start in zip(rows, starts, strict=True)])

        told = at_frames(windows([delayed(e.told, self.codebook.silence) for e in chosen]))
        frames = F.interpolate(told.transpose(1, 2), scale_factor=RATIO, mode="linear").transpose(1, 2)
        return Windows(
            windows(inputs(chosen, rng)),
            torch.stack([rng.choice(self.embeddings[e.speaker]) for e in chosen])[..., None],
            torch.stack([_window(delayed_wave(e.audio), start) for e, start in zip(chosen, starts, strict=True)]),
            pulsed(frames),
            torch.tensor([self.high[e.speaker] for e in chosen]),
        )


def _window(wave: Tensor, start: int) -> Tensor:
    samples = int(WINDOW * STRIDE / HOP * RATIO) * HOP
    first = round(start * STRIDE * RATIO)
    piece = wave[first : first + samples]
    return F.pad(piece, (0, samples - len(piece)))


def embeddings(plan: Plan, rows: list[Example]) -> Tensor:
    """Of a few clips of one speaker, (clips, 512)."""
    encoder = build_encoder()
    encoder.load_state_dict(torch.load(plan.work / "speaker.pt", weights_only=True)["encoder"])
    rng = random.Random(0)
    clips = [cut(rng, low_rate(e.audio), _CLIP_SECONDS * CLIP_RATE) for e in rows if len(e.audio)][:_CLIPS]
    with torch.no_grad():
        result: Tensor = encoder.eval()(torch.stack(clips), l2_norm=True)
    return result


def train_vocoder(plan: Plan) -> None:
    """On what is told of the codes."""
    speech = Speech(plan)
    torch.manual_seed(0)
    _train(plan, "vocoder", plan.vocoder_steps, Vocoder(TARGETS), _PEAK_RATE, speech, speech.told)


def tune_vocoder(plan: Plan) -> None:
    """On the latents of the trained GPT, which is fed the codes as they are and left as it is."""
    gpt, speech = Gpt(plan), Speech(plan)
    state = torch.load(plan.work / "gpt.pt", map_location="cpu", weights_only=True)
    gpt.model.load_state_dict(state["gpt"])
    vocoder = Vocoder(WIDTH)
    trained = torch.load(plan.work / "vocoder.pt", map_location="cpu", weights_only=True)["vocoder"]
    vocoder.load_state_dict(folded(trained, state["teller"]))

    @torch.no_grad()
    def inputs(chosen: list[Example], rng: random.Random) -> list[Tensor]:
        return latents(gpt.model, speech.examples.prepared(chosen, rng, corrupt=0.0))

    _train(plan, "tuned", plan.tuning_steps, vocoder, _TUNING_RATE, speech, inputs)


def _train(plan: Plan, name: str, steps: int, vocoder: Any, peak: float, speech: Speech, inputs: Inputs) -> None:
    vocoder.to(plan.device)
    adam = torch.optim.AdamW(vocoder.parameters(), betas=(0.8, 0.99), weight_decay=0.0, fused=True)

    def advance(step: int) -> Measures:
        set_rate((adam,), rate(step, steps, peak, decay=0.7))
        batch = speech.batch(step, inputs)
        with plan.autocast():
            made = vocoder(stretch(batch.inputs.to(plan.device)), g=batch.speakers.to(plan.device))[:, 0].float()
        inner = slice(STRIDE, -STRIDE)  # where the window's ends are not heard
        made, real, pulses = (
            wave[:, inner] for wave in (made, batch.real.to(plan.device), batch.pulsed.to(plan.device))
        )
        low, high = ~batch.high, batch.high
        spectra = spectral_distance(made[low], real[low]) if low.any() else made.new_zeros(())
        waves = made.new_zeros(())
        if high.any():  # real speech has other harmonics: what is compared with it does not see them
            spectra = spectra + spectral_distance(made[high], real[high], BLIND_TO_HARMONICS)
            waves = WAVES * waveform_distance(made[high], pulses[high])
        adam.zero_grad()
        (spectra + waves).backward()
        nn.utils.clip_grad_norm_(vocoder.parameters(), 5.0)
        adam.step()
        return {"spectra": spectra.detach(), "waves": waves.detach()}

    Run(plan.work / f"{name}.pt", {"vocoder": vocoder, "adam": adam}, plan.kept).train(steps, advance)
