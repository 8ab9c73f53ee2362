"""The body of OpenAI's speech route, the names in it, and what it means in ours.

Some of our own fields are taken too. Fields that neither has are let pass: front ends send some to every server.
"""

import json
import re
from collections.abc import Collection
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    field_validator,
    model_validator,
)

from api.body import Body
from api.pronunciations import Pronunciations
from api.schemas import Language, Loudness, OutputFormat, SampleRate, Seed, Speed, Style, number
from api.sent_voice import Base64, SentVoice, packed
from runners.types import ModelCard

MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")  # and their dated versions: all of them are the one model
VERSION: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
LONGEST: Final = 4096  # characters
# Also as JSON in `instructions`.
OURS: Final = ("language", "seed", "style", "normalize", "pronunciations", "sample_rate", "loudness")


def _voice_name(voice: object) -> object:
    """`{"id": name}` is how OpenAI's clients name a voice that is not OpenAI's."""
    return voice["id"] if isinstance(voice, dict) and set(voice) == {"id"} else voice


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _drawn(seed: object) -> object:
    """-1 is how front ends write that they do not mind."""
    return None if seed == -1 else seed


def _inside(instructions: object) -> dict[str, Any]:
    """Our fields where they are written as JSON: some proxies drop all fields but OpenAI's."""
    try:
        fields = json.loads(instructions) if isinstance(instructions, str) else None
    except (ValueError, RecursionError):
        return {}
    return {name: fields[name] for name in OURS if fields.get(name) is not None} if isinstance(fields, dict) else {}


def _floats(raw: bytes) -> NDArray[np.float32]:
    return np.frombuffer(raw[: len(raw) // 4 * 4], "<f4")


class SpeechRequest(Body):
    model_config = ConfigDict(extra="ignore")

    model: str | None = Field(
        None, examples=["tts-1"], description="Any name means the one model. A voice's name is that voice, if none is."
    )
    input: str = Field(min_length=1, max_length=LONGEST, examples=["Jó napot kívánok!"])
    voice: Annotated[StrictStr | None, BeforeValidator(_voice_name)] = Field(
        None,
        max_length=128,
        examples=["alloy"],
        description="One of ours, or of OpenAI's, or a blend, `anna(2)+bela`. Also as `{'id': name}`.",
    )
    response_format: Annotated[OutputFormat, BeforeValidator(_lower)] = "mp3"
    speed: Speed = 1.0
    instructions: str | None = Field(
        None,
        max_length=LONGEST,
        description="Where it names a style of the voice, that style is used. "
        "Where it is a JSON object, its fields count as those below.",
    )
    stream_format: Literal["audio", "sse"] = "audio"
    stream: StrictBool | None = Field(
        None,
        description="false: the file comes when it is whole, its header with the true length. "
        "None: so does FLAC, whose readers need that; all else is sent as it is made.",
    )
    language: Language = None
    seed: Annotated[Seed | None, BeforeValidator(_drawn)] = None
    style: Style = None
    normalize: StrictBool = Field(True, description="As in `/generate/simple`; not one of OpenAI's.")
    pronunciations: Pronunciations = None
    gpt_cond_latent_b64: Base64 | None = Field(None, description="What `/v1/tts/conditioning` gave, for a voice.")
    speaker_embeddings_b64: Base64 | None = None
    sample_rate: SampleRate = None
    loudness: Loudness = None

    _numbers = field_validator("speed", "seed", "loudness", mode="before")(number)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        """null is a field's absence."""
        if not isinstance(body, dict):
            return body
        body = {name: value for name, value in body.items() if value is not None}
        return {**_inside(body.get("instructions")), **body}

    def latents(self, model: ModelCard) -> SentVoice | None:
        """The voice, where it is in the request. Raises UnreadableLatents."""
        if not (self.gpt_cond_latent_b64 and self.speaker_embeddings_b64):
            return None
        gpt, speaker = (_floats(raw) for raw in (self.gpt_cond_latent_b64, self.speaker_embeddings_b64))
        return packed(gpt, speaker, model)

    @property
    def is_live(self) -> bool:
        """Whether the audio is sent as it is made."""
        return self.response_format != "flac" if self.stream is None else self.stream


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "xtts-bento"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class SpeechVoice(BaseModel):
    id: str
    name: str


class SpeechVoices(BaseModel):
    voices: list[SpeechVoice] | list[str]


class SpeechModels(BaseModel):
    models: list[SpeechVoice] | list[str]


class CreatedVoice(BaseModel):
    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    created_at: int


def is_known(model: str, own: str) -> bool:
    """Whether `model` is one of OpenAI's for speech, or `own`, as ours is called."""
    return model == own or VERSION.sub("", model) in MODELS


def style_in(instructions: str | None, styles: Collection[str]) -> str | None:
    """The style that is named first, as a word by itself."""
    found = {
        match.start(): style
        for style in styles
        if (match := re.search(rf"(?<!\w){re.escape(style)}(?!\w)", instructions or "", re.IGNORECASE))
    }
    return found[min(found)] if found else None


def own_name(model: str) -> str:
    """As `hf://coqui/XTTS-v2@v2.0.3` and `/models/XTTS-v2` are called here: `XTTS-v2`."""
    return model.rpartition("/")[2].partition("@")[0]


def usage(characters: int, codes: int) -> dict[str, Any]:
    """Of text, characters; of audio, the model's codes, 21.5 a second."""
    return {"input_tokens": characters, "output_tokens": codes, "total_tokens": characters + codes}
