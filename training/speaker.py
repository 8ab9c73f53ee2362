"""Trains the speaker encoder: from a clip to what its speaker sounds like. A narrow ResNet; export.py widens it."""

import random
from pathlib import Path

import torch
import torchaudio
from torch import Tensor, nn
from TTS.encoder.models.resnet import ResNetSpeakerEncoder

from training.features import RATE, cepstra, smooth_log_pitch
from training.plan import Plan
from training.runs import Measures, Run, rate, set_rate
from training.shards import Shard, load_shard

FILTERS = (8, 16, 32, 64)  # upstream has four times as many
EMBEDDING = 512
CLIP_RATE = 16000  # Hz
AUDIO = {  # TTS/tts/layers/xtts/hifigan_decoder.py
    "fft_size": 512,
    "win_length": 400,
    "hop_length": 160,
    "sample_rate": CLIP_RATE,
    "preemphasis": 0.97,
    "num_mels": 64,
}
COEFFICIENTS = 16  # of the mean envelope
DESCRIPTION = 2 * COEFFICIENTS + 2
_ROWS, _SECONDS, _PEAK_RATE = 12, (1.5, 3.0), 3e-3
_PITCH_WEIGHT = 3.0  # of the middle of F0 beside each other description: the vocoder goes by it
_GAIN = 20.0  # of the embedding, whose length is 1, before it is read


def build_encoder() -> ResNetSpeakerEncoder:
    return ResNetSpeakerEncoder(64, EMBEDDING, None, list(FILTERS), "ASP", True, True, AUDIO)


def descriptions(shard: Shard) -> dict[int, Tensor]:
    """Of each speaker: the mean envelope and its deviation, the middle and the range of log F0 (DESCRIPTION,)."""
    told = {}
    for who in {utterance.who for utterance in shard.utterances}:
        mine = [utterance for utterance in shard.utterances if utterance.who == who]
        rows = torch.cat([cepstra(utterance.mel)[:, :COEFFICIENTS] for utterance in mine])
        rows = rows[rows[:, 0] > rows[:, 0].min() + 15]
        log_f0 = torch.cat([torch.from_numpy(smooth_log_pitch(utterance.f0)) for utterance in mine])
        low, middle, high = log_f0.quantile(torch.tensor([0.1, 0.5, 0.9]))
        told[who] = torch.cat([rows.mean(0), rows.std(0), torch.stack([4 * middle, 4 * (high - low)])])
    return told


def low_rate(audio: Tensor) -> Tensor:
    """int16 at 22050 Hz to float32 at 16 kHz."""
    return torchaudio.functional.resample(audio.float() / 32767, RATE, CLIP_RATE)


def cut(rng: random.Random, audio: Tensor, samples: int) -> Tensor:
    """A stretch, louder or softer. What is too short is repeated."""
    audio = audio.repeat(-(-samples // len(audio)))
    start = rng.randint(0, len(audio) - samples)
    return audio[start : start + samples] * 10 ** rng.uniform(-0.7, 0.3)


def train_speaker(plan: Plan) -> None:
    held_out, clips = _clips(plan.shards[:1]), _clips(plan.shards[1:])
    told = torch.stack([description for _, description in clips])
    centre, spread = told.mean(0), told.std(0).clamp(min=0.1)
    weights = torch.ones(DESCRIPTION)
    weights[-2] = _PITCH_WEIGHT * COEFFICIENTS
    torch.manual_seed(0)
    device = torch.device(plan.device)
    weights = weights.to(device)
    encoder, teller = build_encoder().to(device), nn.Linear(EMBEDDING, DESCRIPTION).to(device)
    adam = torch.optim.AdamW([*encoder.parameters(), *teller.parameters()], weight_decay=0.01)

    def distance(rng: random.Random, chosen: list[tuple[Tensor, Tensor]]) -> Tensor:
        samples = int(rng.uniform(*_SECONDS) * CLIP_RATE)
        heard = torch.stack([cut(rng, audio, samples) for audio, _ in chosen]).to(device)
        wanted = torch.stack([(description - centre) / spread for _, description in chosen]).to(device)
        return ((teller(_GAIN * encoder(heard, l2_norm=True)) - wanted).square() * weights).mean()

    def advance(step: int) -> Measures:
        set_rate((adam,), rate(step, plan.speaker_steps, _PEAK_RATE, decay=0.5))
        rng = random.Random(step)
        loss = distance(rng, rng.choices(clips, k=_ROWS))
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        return {"loss": loss.detach()}

    @torch.no_grad()
    def examine() -> Measures:
        encoder.eval()
        loss = distance(random.Random(0), held_out[::2])
        encoder.train()
        return {"loss": loss}

    parts = {"encoder": encoder, "teller": teller, "adam": adam}
    Run(plan.work / "speaker.pt", parts, plan.kept).train(plan.speaker_steps, advance, examine)


def _clips(shards: list[Path]) -> list[tuple[Tensor, Tensor]]:
    """Every other utterance that has samples, and the description of its speaker."""
    clips = []
    for path in shards:
        shard = load_shard(path)
        told = descriptions(shard)
        heard = [utterance for utterance in shard.utterances[::2] if len(utterance.audio)]
        clips += [(low_rate(torch.from_numpy(utterance.audio)), told[utterance.who]) for utterance in heard]
    return clips
