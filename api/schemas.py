"""The bodies of the generate routes. What pydantic refuses here becomes a 422 that names the field and the limit."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from api.audio.formats import CODECS
from api.audio.subtitles import Subtitles
from api.body import Body
from api.pronunciations import Pronunciations
from api.sent_voice import NameOrSent

OutputFormat = Literal["mp3", "wav", "flac", "opus", "aac", "pcm", "mulaw", "alaw"]


def _greedy_or_warm(temperature: float) -> float:
    if 0 < temperature < 0.01:
        raise ValueError("must be 0 (greedy) or at least 0.01")
    return temperature


def _name_or_weights(style: object) -> object:
    """One rule with one message: pydantic's own would name both halves of the union."""
    if style is None or isinstance(style, str):
        return style
    if isinstance(style, dict) and len(style) <= MOST_WEIGHTS and all(map(_is_weight, style.values())):
        return style
    weights = f"weights from 0 to {MAX_WEIGHT} by name, of up to {MOST_WEIGHTS}"
    raise ValueError(f"must be the name of a reference, or {weights}")


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_WEIGHT


MAX_WEIGHT = 1000
MOST_WEIGHTS = 64
MAX_SILENCE = 600.0  # seconds of pauses in a request

Style = Annotated[
    str | dict[str, float] | None,
    BeforeValidator(_name_or_weights),
    Field(description="None: the voice's default blend. A name: that reference alone. A mapping: those weights."),
]
Language = Annotated[
    str | None,
    Field(
        max_length=16,
        description="One of the model's languages, e.g. `hu`. None: the voice's own. `auto`: the text's, for each "
        "text by itself. `X-Language` says which it was.",
        examples=["hu"],
    ),
]
Temperature = Annotated[float, Field(ge=0, le=2), AfterValidator(_greedy_or_warm)]
Speed = Annotated[float, Field(ge=0.25, le=4.0, description="2 is twice as fast.")]
Seed = Annotated[
    int,
    Field(
        ge=0,
        le=2**32 - 1,
        description="The same seed gives the same audio. None: drawn, and reported in `X-Seed`.",
    ),
]


def _fits_format(rate: int | None, info: ValidationInfo) -> int | None:
    """The format stands before it, as `output_format` or in OpenAI's words."""
    form = info.data.get("output_format") or info.data.get("response_format")
    if rate is not None and form and rate not in (rates := CODECS[form].rates):
        raise ValueError(f"{form} takes {', '.join(map(str, rates))} Hz, not {rate}")
    return rate


SampleRate = Annotated[
    Literal[8000, 16000, 22050, 24000, 44100, 48000] | None,
    AfterValidator(_fits_format),
    Field(description="Hz. None: the model's own, 24,000; of `mulaw` and `alaw` 8,000, and no other."),
]
Loudness = Annotated[
    float | None,
    Field(
        ge=-40,
        le=-5,
        description="LUFS (EBU R128), by one gain for all of the audio, its true peaks kept at -1 dB. A stream's gain "
        "is that of its voice, measured once. None: the voice's own setting, or the audio as the model makes it.",
        examples=[-16],
    ),
]
Text = Annotated[str, Field(min_length=1, description="What to say.", examples=["Jó napot kívánok!"])]


def number(value: object) -> object:
    """pydantic would take `true` for 1, and texts for numbers."""
    if isinstance(value, bool | str):
        raise PydanticKnownError("float_type")
    return value


SAMPLING = ("temperature", "top_k", "top_p", "repetition_penalty")
NUMBERS = ("speed", "seed", "loudness", "sample_rate", *SAMPLING, "pause_after", "paragraph_pause")


class _Body(Body):
    _numbers = field_validator(*NUMBERS, mode="before", check_fields=False)(number)


class Part(_Body):
    """One text of a request. What it leaves out comes from the request."""

    text: Text
    pause_after: float = Field(0.0, ge=0, le=60, description="Seconds of silence after this text, sample-exact.")
    language: Language = None
    voice: NameOrSent | None = None
    style: Style = None
    speed: Speed | None = None
    seed: Seed | None = None


class Settings(_Body):
    """What the generate routes share."""

    language: Language = None
    voice: NameOrSent = Field(
        "default",
        description="One of those that `GET /voices` lists, or a blend of some, `anna(2)+bela`; or the clips or the "
        "latents of one that is not to be stored.",
    )
    style: Style = None
    output_format: OutputFormat = "mp3"
    sample_rate: SampleRate = None
    loudness: Loudness = None
    subtitles: Subtitles | None = Field(
        None,
        description="A file of subtitles beside the audio, in the words of the request, with exact times for each "
        "sentence: each is synthesized by itself then. May stand in the address, too.",
    )
    speed: Speed = 1.0
    temperature: Temperature | None = Field(
        None, description="0 is greedy. None: the checkpoint's default, as for the three below."
    )
    top_k: int | None = Field(None, ge=0, le=10_000, description="0 turns it off.")
    top_p: float | None = Field(None, gt=0, le=1, description="1 turns it off.")
    repetition_penalty: float | None = Field(None, ge=1, le=50, description="1 turns it off.")
    seed: Seed | None = None
    normalize: StrictBool = Field(
        True,
        description="Read numbers, dates, abbreviations and the like as people do, and no markup or emoji. "
        "false: the model's own reading.",
    )
    pronunciations: Pronunciations = None


class SimpleRequest(Settings):
    """One text, one voice."""

    text: Text
    trim_silence: StrictBool = Field(False, description="Drop the model's own silence around each text.")

    @property
    def parts(self) -> list[Part]:
        """What is to be said, in order."""
        return [Part(text=self.text)]


P = TypeVar("P", bound=Part)


def _bounded_silence(segments: list[P]) -> list[P]:
    if sum(segment.pause_after for segment in segments) > MAX_SILENCE:
        raise ValueError(f"the pauses of a request may sum up to {MAX_SILENCE:g} seconds")
    return segments


Segments = Annotated[list[P], Field(min_length=1, max_length=200), AfterValidator(_bounded_silence)]


class SegmentedRequest(Settings):
    """Several texts in a row, each with its own pause and, if it likes, its own voice, style, language and speed."""

    segments: Segments[Part]
    trim_silence: StrictBool = Field(True, description="Drop the model's own silence around each segment.")

    @property
    def parts(self) -> list[Part]:
        return self.segments


def _one_of_both(text: str | None, info: ValidationInfo) -> str | None:
    segments = info.data.get("segments", ())  # not there: they are wrong, and that is said already
    if text is None and segments is None:
        raise ValueError("is needed, unless there are `segments`")
    if text is not None and segments:
        raise ValueError("cannot be there beside `segments`")
    return text


class StreamRequest(Settings):
    """The body of either route."""

    segments: Segments[Part] | None = Field(None, description="Several texts in a row, in place of `text`.")
    text: Annotated[Text | None, AfterValidator(_one_of_both)] = Field(None, validate_default=True)
    trim_silence: StrictBool | None = Field(
        None, description="Drop the model's own silence around each text. None: around segments."
    )

    def as_one(self) -> SimpleRequest | SegmentedRequest:
        """Which of the two it is."""
        fields = {name: value for name, value in self if value is not None}
        return SimpleRequest(**fields) if self.segments is None else SegmentedRequest(**fields)
