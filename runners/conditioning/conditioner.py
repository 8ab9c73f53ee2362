"""From a voice to its latents: reads its clips, computes their latents, blends. Knows no voices' folders.

A latents file stands for clips whose latents were computed elsewhere, by the same checkpoint.

The model's conditioning parts are only read, so a worker thread may call this while the engine decodes on the
same model.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import soxr
import torch
import torchaudio
from torch import Tensor

from runners.conditioning.cache import LatentsCache, cache_key
from runners.conditioning.clip import Clip, decode_clip
from runners.conditioning.latents import Latents, LatentShapes, blend
from runners.conditioning.voice_file import VoiceLatents
from runners.errors import (
    EngineFailure,
    ForeignLatents,
    InvalidInput,
    SpeechError,
    UnreadableClip,
    UnreadableLatents,
)
from runners.storage import Storage
from runners.threads import in_fresh_thread
from runners.types import Reference, Voice
from runners.xtts.conditioning_encoder import RATE
from runners.xtts.model import Model

COMMON_DIVISOR = 25  # of a rate and RATE; below it torchaudio's filter bank takes hundreds of MB


@dataclass(frozen=True, slots=True)
class ConditioningSettings:
    """How much of a reference the latents are computed from: the checkpoint's settings, named as in config.json."""

    gpt_cond_len: int  # seconds that reach the GPT
    gpt_cond_chunk_len: int  # seconds
    max_ref_len: int  # seconds that reach the speaker encoder
    sound_norm_refs: bool  # bring the loudest sample to 0.75


def latent_shapes(model: Model) -> LatentShapes:
    return LatentShapes((1, *model.gpt.conditioning_perceiver.latents.shape), (1, model.args.d_vector_dim, 1))


class Conditioner:
    """`latents(voice)` is all that the engine needs. `checkpoint` is the identity that keys the cache."""

    def __init__(self, model: Model, *, checkpoint: str, cache: LatentsCache, storage: Storage | None = None) -> None:
        """`storage`: where references lie whose path is a URL."""
        config = model.config
        self._model = model
        self._settings = ConditioningSettings(
            config.gpt_cond_len, config.gpt_cond_chunk_len, config.max_ref_len, config.sound_norm_refs
        )
        self._shapes = latent_shapes(model)
        self._checkpoint = checkpoint
        self._cache = cache
        self._storage = storage

    @property
    def checkpoint(self) -> str:
        return self._checkpoint

    @property
    def speakers(self) -> tuple[str, ...]:
        """The voices stored in the checkpoint (`speakers_xtts.pth`), if it has any."""
        return tuple(self._model.speakers)

    def latents(self, voice: Voice) -> Latents:
        """The weighted mean over the voice's references; one alone is used as it is.

        Blocks for as long as it takes to compute what is not cached yet. Raises InvalidInput for a speaker that
        the checkpoint does not have, UnreadableClip for a clip that cannot be decoded, UnreadableLatents and
        ForeignLatents for a latents file that cannot be used, StorageAway for a file in a bucket that does not answer,
        EngineFailure for NaN.
        """
        return blend([(self._of(reference), reference.weight) for reference in voice.references])

    def compute_latents(self, clip: Clip) -> Latents:
        """One reference, as `get_conditioning_latents` does it for a file (TTS/tts/models/xtts.py)."""
        model, settings = self._model, self._settings
        audio = at_model_rate(clip)[:, : RATE * settings.max_ref_len].to(model.device)
        if settings.sound_norm_refs:
            audio = audio / audio.abs().max() * 0.75
        conditioning = model.conditioning(
            audio, seconds=settings.gpt_cond_len, chunk_seconds=settings.gpt_cond_chunk_len
        )
        latents = Latents(_value(conditioning), _value(model.speaker_embedding(audio)))
        if not latents.finite:
            raise EngineFailure("The model made latents of this clip that are not numbers.")
        return latents

    def _of(self, reference: Reference) -> Latents:
        return self._cached(reference) if reference.speaker is None else self._stored(reference.speaker)

    def _stored(self, speaker: str) -> Latents:
        if speaker not in self.speakers:
            known = ", ".join(self.speakers) or "none"
            raise InvalidInput(f"The model has no speaker {speaker!r}. It has: {known}.", param="voice")
        stored = self._model.speakers[speaker]
        return Latents(_value(stored["gpt_cond_latent"]), _value(stored["speaker_embedding"]))

    def _cached(self, reference: Reference) -> Latents:
        style, settings, cache = reference.style, dataclasses.asdict(self._settings), self._cache
        if style is None:
            key = cache_key(clip=reference.digest, checkpoint=self._checkpoint, settings=settings)
            return cache.get(key, lambda: self._named(reference, lambda: self._compute(reference)), keep=reference.kept)
        key = cache_key(latents=reference.digest, style=style, checkpoint=self._checkpoint)
        return cache.get(key, lambda: self._named(reference, lambda: self._load(reference, style)), keep=False)

    def _named(self, reference: Reference, make: Callable[[], Latents]) -> Latents:
        """What `make` gives; what it finds wrong with the reference's file is said by the file's name."""
        try:
            return make()
        except (UnreadableClip, UnreadableLatents, ForeignLatents) as error:
            raise type(error)(f"{Path(reference.path).name}: {error.message}", param="voice") from error

    def _compute(self, reference: Reference) -> Latents:
        # A second more than the latents need, so that resampling meets no edge there.
        clip = decode_clip(self._read(reference, UnreadableClip), longest=self._settings.max_ref_len + 1)
        return in_fresh_thread(lambda: self.compute_latents(clip))

    def _load(self, reference: Reference, style: str) -> Latents:
        file = VoiceLatents.unpack(self._read(reference, UnreadableLatents))
        if file.checkpoint != self._checkpoint:
            raise ForeignLatents(
                f"the latents were made by another checkpoint ({file.checkpoint[:12]}, {file.model[:100]!r}) than this "
                f"server's ({self._checkpoint[:12]}). They cannot move between checkpoints: use the clips."
            )
        if style not in file.styles:
            raise UnreadableLatents(f"the latents have no style {style!r}.")
        stored = file.styles[style]
        latents = Latents(torch.tensor(stored.gpt_cond_latent), torch.tensor(stored.speaker_embedding))
        if latents.shapes != self._shapes:
            raise UnreadableLatents(f"the latents have {latents.shapes} where this model has {self._shapes}.")
        return latents

    def _read(self, reference: Reference, unreadable: type[SpeechError]) -> bytes:
        """The file's bytes, if they are still those that the digest (and so the cache's key) stands for."""
        key = self._storage.key_of(reference.path) if self._storage else None
        try:
            raw = self._storage.read(key) if self._storage and key else Path(reference.path).read_bytes()
        except OSError as error:
            reason = "it is gone" if isinstance(error, FileNotFoundError) else error.strerror
            raise unreadable(f"the file cannot be read ({reason}).") from error
        if hashlib.sha256(raw).hexdigest() != reference.digest:
            raise unreadable("the file changed while the request was on its way. Send it again.")
        return raw


def at_model_rate(clip: Clip) -> Tensor:
    """(1, time) at 22050 Hz in [-1, 1]: upstream's `load_audio` from the resampling on.

    Rates with almost no common divisor with 22050 (say 44056) go through soxr, where torchaudio would need
    gigabytes.
    """
    if math.gcd(clip.rate, RATE) >= COMMON_DIVISOR:
        audio = torchaudio.functional.resample(torch.from_numpy(clip.samples)[None], clip.rate, RATE)
    else:
        audio = torch.from_numpy(soxr.resample(clip.samples, clip.rate, RATE))[None]
    return audio.clamp(-1, 1)


def _value(tensor: Tensor) -> Tensor:
    """A plain, contiguous tensor of its own: neither on the device nor bound to inference mode."""
    return tensor.detach().to("cpu", torch.float32).clone(memory_format=torch.contiguous_format)
