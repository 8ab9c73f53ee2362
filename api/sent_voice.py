"""A voice inside a request, in place of a voice's name: its clips, or its latents."""

import base64
import binascii
import hashlib
from functools import cached_property
from typing import Annotated, Final

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from api.body import Body
from runners.conditioning.voice_file import StyleLatents, VoiceLatents
from runners.errors import UnreadableLatents
from runners.types import ModelCard

LONGEST_NAME: Final = 128
MOST_CLIPS: Final = 16  # of a voice, uploaded or sent
LATENTS_OF_A_VOICE: Final = 32  # rows that reach the GPT


def _decoded(value: object) -> object:
    """Also of a data URL, which is what browsers make of a file."""
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value.rpartition(";base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be a file in base64") from None


Base64 = Annotated[bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "format": "byte"})]


class SentVoice(Body):
    """Judged as an uploaded voice is, and kept for the next requests that send the same, but never listed."""

    clips: list[Base64] | None = Field(
        None, min_length=1, max_length=MOST_CLIPS, description="Audio files, all counting the same."
    )
    latents: Annotated[Base64 | None, Field(description="A file that `GET /voices/{name}/latents` gave.")] = Field(
        None, validate_default=True
    )
    language: str | None = Field(None, max_length=16)

    @field_validator("latents")
    @classmethod
    def _one_of_both(cls, latents: bytes | None, info: ValidationInfo) -> bytes | None:
        if (latents is None) == (info.data.get("clips", ()) is None):
            raise ValueError("is needed, unless there are `clips`; one or the other")
        return latents

    @cached_property  # megabytes are hashed
    def name(self) -> str:
        """By which the library finds it: of what it is made of, and not to be guessed."""
        digest = hashlib.sha256((self.language or "").encode())
        for file in self.clips or (b"", self.latents or b""):
            digest.update(hashlib.sha256(file).digest())
        return digest.hexdigest()


def _name_or_sent(voice: object) -> object:
    """pydantic would tell what each half of the union finds wrong."""
    if isinstance(voice, dict):
        return SentVoice.model_validate(voice)
    if not isinstance(voice, str | SentVoice):
        raise ValueError("must be a voice's name, or an object of `clips` or `latents`")
    if isinstance(voice, str) and len(voice) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters")
    return voice


NameOrSent = Annotated[Annotated[str, Field(max_length=LONGEST_NAME)] | SentVoice, BeforeValidator(_name_or_sent)]


def name_of(voice: str | SentVoice) -> str:
    return voice if isinstance(voice, str) else voice.name


def packed(gpt_cond_latent: ArrayLike, speaker_embedding: ArrayLike, model: ModelCard) -> SentVoice:
    """Of bare latents, which are taken for this model's. Raises UnreadableLatents."""
    try:
        speaker = np.asarray(speaker_embedding, np.float32).reshape(1, -1, 1)
        gpt = np.asarray(gpt_cond_latent, np.float32).reshape(1, LATENTS_OF_A_VOICE, -1)
    except (ValueError, TypeError) as error:
        raise UnreadableLatents("the latents are not 32 rows of equal length and one more.", param="voice") from error
    file = VoiceLatents(model.checkpoint, model.name, {"neutral": StyleLatents(gpt, speaker)})
    return SentVoice(latents=file.pack())
