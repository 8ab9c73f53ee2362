"""The body of OpenAI's speech route, the names in it, and what it means in ours.

Fields that OpenAI does not have are let pass: front ends send some to every server, and none has a meaning here.
"""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, field_validator

from api.body import Body
from api.pronunciations import Pronunciations
from api.schemas import OutputFormat, Speed, number

MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")  # and their dated versions: all of them are the one model
VERSION: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
VOICES: Final = frozenset(
    ("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse")
)
LONGEST: Final = 4096  # characters


def _voice_name(voice: object) -> object:
    """`{"id": name}` is how OpenAI's clients name a voice that is not OpenAI's."""
    return voice["id"] if isinstance(voice, dict) and set(voice) == {"id"} else voice


class SpeechRequest(Body):
    model_config = ConfigDict(extra="ignore")

    model: str = Field(examples=["tts-1"], description="One of those that `GET /v1/models` lists.")
    input: str = Field(min_length=1, max_length=LONGEST, examples=["Jó napot kívánok!"])
    voice: Annotated[StrictStr, BeforeValidator(_voice_name)] = Field(
        max_length=128, examples=["alloy"], description="One of ours, or of OpenAI's. Also as `{'id': name}`."
    )
    response_format: OutputFormat = "mp3"
    speed: Speed = 1.0
    instructions: str | None = Field(
        None, max_length=LONGEST, description="Where it names a style of the voice, that style is used."
    )
    stream_format: Literal["audio", "sse"] = "audio"
    normalize: bool = Field(True, description="As in `/generate/simple`; not one of OpenAI's.")
    pronunciations: Pronunciations = None

    _numbers = field_validator("speed", mode="before")(number)


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
    voices: list[SpeechVoice]


def is_known(model: str, own: str) -> bool:
    """Whether `model` is one of OpenAI's for speech, or `own`, as ours is called."""
    return model == own or VERSION.sub("", model) in MODELS


def voice_for(name: str, mapping: Mapping[str, str], is_ours: bool) -> str:
    """Our voice for that name: as configured, or our own of that name, or the default one for OpenAI's."""
    return mapping.get(name) or ("default" if not is_ours and name in VOICES else name)


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
