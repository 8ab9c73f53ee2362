"""A sample: a text or segments with a name, which become one audio file. Long jobs and batch files hold the same."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from api.body import Body
from api.jobs.passages import paragraphs
from api.names import composed, is_name
from api.schemas import MAX_SILENCE, Part, SegmentedRequest, Segments, Settings, SimpleRequest, Text

MOST_SAMPLES = 10_000
LONGEST_SAMPLE = 50_000  # characters: an hour of speech
MOST_PARTS = 20_000  # paragraphs and segments of a job: each is an utterance, which takes memory however short it is
TOO_MANY_PARTS = f"there are more than {MOST_PARTS} paragraphs and segments in all"
LONGEST_ID = 100  # characters
SHARED = {"style", "pronunciations"}  # defaults that may be large: all samples hold the same object
LONGEST_SILENCE = 6 * 3600.0  # seconds of pauses in a job: 1 GB of WAV


def _file_name(id: str) -> str:
    if not is_name(composed(id), LONGEST_ID):
        raise ValueError("letters, digits, spaces and . _ - ' ( ) make a name, which starts with a letter or a digit")
    return composed(id)


SampleId = Annotated[
    str,
    AfterValidator(_file_name),
    Field(
        min_length=1,
        max_length=LONGEST_ID,
        description="The sample's name and its file's: 1 to 100 letters of any script, digits, spaces and "
        "`. _ - ' ( )`, beginning with a letter or a digit.",
        examples=["chapter-01"],
    ),
]


def _name_only(voice: object) -> object:
    if isinstance(voice, dict):
        raise ValueError("must be a voice's name here; upload the voice first, by `POST /voices`")
    return voice


VoiceName = Annotated[
    str, BeforeValidator(_name_only), Field(max_length=128, description="As of one text, but a name only.")
]
ParagraphPause = Annotated[float, Field(ge=0, le=60, description="Seconds of silence between two paragraphs.")]
Trim = Annotated[
    StrictBool | None,  # its default depends on the shape
    Field(description="Drop the model's own silence around each paragraph (None: no) or segment (None: yes)."),
]


def _bounded_silence(pause: float, info: ValidationInfo) -> float:
    count = len(paragraphs(info.data.get("text") or ""))
    if (silence := pause * (count - 1)) > MAX_SILENCE:
        message = f"{count} paragraphs with {pause:g} s between them are {silence:.0f} s of silence"
        raise ValueError(f"{message}; a sample may have {MAX_SILENCE:g} s")
    return pause


class NamedPart(Part):
    """Of a job: what is to be done later keeps no recordings."""

    voice: VoiceName | None = None


class Defaults(Settings):
    """What samples take unless they have their own."""

    voice: VoiceName = "default"
    paragraph_pause: ParagraphPause = 0.6
    trim_silence: Trim = None


class Sample(Settings):
    """A text of any length up to a chapter's, or segments."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["segments"]}]})

    id: SampleId
    voice: VoiceName = "default"
    text: Text | None = Field(None, description="What to synthesize. Blank lines separate paragraphs.")
    segments: Segments[NamedPart] | None = None
    paragraph_pause: Annotated[ParagraphPause, AfterValidator(_bounded_silence)] = Field(0.6, validate_default=True)
    trim_silence: Trim = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Sample":
        if (self.text is None) == (self.segments is None):
            raise ValueError("a sample has either a `text` or `segments`")
        if self.characters > LONGEST_SAMPLE:
            raise ValueError(f"a sample may have {LONGEST_SAMPLE} characters")
        return self

    @property
    def characters(self) -> int:
        return len(self.text or "") + sum(len(segment.text) for segment in self.segments or [])

    @property
    def trims(self) -> bool:
        return self.segments is not None if self.trim_silence is None else self.trim_silence

    @property
    def parts(self) -> list[NamedPart]:
        """The segments, or the paragraphs."""
        if self.segments is not None:
            return self.segments
        assert self.text is not None
        texts = paragraphs(self.text) or [self.text]
        pauses = [self.paragraph_pause] * (len(texts) - 1) + [0.0]
        return [NamedPart(text=text, pause_after=pause) for text, pause in zip(texts, pauses, strict=True)]

    @property
    def request(self) -> SimpleRequest | SegmentedRequest:
        """The same as the body of a generate route. Raises ValidationError for more than 200 paragraphs."""
        settings = {name: getattr(self, name) for name in self.model_fields_set & Settings.model_fields.keys()}
        parts = self.parts
        if self.segments is None and len(parts) == 1:
            return SimpleRequest(text=parts[0].text, trim_silence=self.trims, **settings)
        segments = [Part.model_validate(part.model_dump(exclude_unset=True)) for part in parts]
        return SegmentedRequest(segments=segments, trim_silence=self.trims, **settings)

    @property
    def digest(self) -> str:
        """sha256 of all that the audio depends on, hex: what has the same was asked for in the same way."""
        asked = self.model_dump(exclude_unset=True, exclude={"id"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _countable(samples: Any) -> Any:
    """Refuses too many segments before there are objects for all of them."""
    counted = [each.get("segments") for each in samples if isinstance(each, dict)] if isinstance(samples, list) else []
    if sum(len(segments) for segments in counted if isinstance(segments, list)) > MOST_PARTS:
        raise ValueError(TOO_MANY_PARTS)
    return samples


def _bounded(samples: list[Sample]) -> list[Sample]:
    """As a whole: each name once, and no more parts and silence than a server can carry."""
    seen: set[str] = set()
    parts, silence = 0, 0.0
    for sample in samples:
        if (name := sample.id.casefold()) in seen:  # some file systems do not tell `a` from `A`
            raise ValueError(f"the id {sample.id!r} is there twice")
        seen.add(name)
        own = sample.parts
        parts += len(own)
        silence += sum(part.pause_after for part in own)
        if parts > MOST_PARTS:
            raise ValueError(TOO_MANY_PARTS)
        if silence > LONGEST_SILENCE:
            raise ValueError(f"there are more than {LONGEST_SILENCE:.0f} s of pauses in all")
    return samples


class Samples(Body):
    """Samples, each with a `text` or with `segments`."""

    defaults: Defaults = Field(
        default_factory=Defaults, description="Fields that every sample takes unless it has its own."
    )
    samples: Annotated[list[Sample], BeforeValidator(_countable), AfterValidator(_bounded)] = Field(
        min_length=1, max_length=MOST_SAMPLES, description="Each becomes one audio file."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, value: Any) -> Any:
        """Puts the defaults into the samples, the large ones aside; what is wrong is left for pydantic to find."""
        if not isinstance(value, dict) or not isinstance(value.get("samples"), list):
            return value
        value = {name: field for name, field in value.items() if name != "$schema"}  # which editors read
        defaults = value.get("defaults")
        if not isinstance(defaults, dict) or not _valid(defaults):
            return value
        small = {name: field for name, field in defaults.items() if name not in SHARED}
        samples = [{**small, **sample} if isinstance(sample, dict) else sample for sample in value["samples"]]
        return {**value, "samples": samples}

    @model_validator(mode="after")
    def _share(self) -> Self:
        for name in SHARED & self.defaults.model_fields_set:
            for sample in self.samples:
                if name not in sample.model_fields_set:
                    setattr(sample, name, getattr(self.defaults, name))
        return self

    @property
    def characters(self) -> int:
        return sum(sample.characters for sample in self.samples)

    def as_json(self) -> bytes:
        """What is read as the same again. What samples share stands in the defaults alone."""
        shared = {
            number: {name for name in SHARED if getattr(sample, name) is getattr(self.defaults, name)}
            for number, sample in enumerate(self.samples)
        }
        return self.model_dump_json(exclude_unset=True, exclude={"samples": shared}).encode()


class LongRequest(Samples):
    """Up to 10,000 samples, each with a `text` or with `segments`."""

    webhook: str | None = Field(
        None,
        max_length=2000,
        description="An address that is told when the job is over: a POST of its status, signed. Its origin must be "
        "one of `XTTS_WEBHOOKS`.",
    )


def _valid(defaults: dict[str, Any]) -> bool:
    try:
        Defaults.model_validate(defaults)
    except ValidationError:
        return False
    return True
