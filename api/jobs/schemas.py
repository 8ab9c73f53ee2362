"""The body of `/generate/long`: samples, each shaped as one of the other generate routes wants it, and with a name."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from api.passages import paragraphs
from api.schemas import Part, SegmentedRequest, SimpleRequest

LONGEST_SAMPLE = 50_000  # characters: an hour of speech, which takes 350 MB while it is put together

SampleId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="The sample's name and its file's: 1 to 100 of A-Z, a-z, 0-9, `.`, `_` and `-`.",
        examples=["chapter-01"],
    ),
]


class LongSimple(SimpleRequest):
    """A text of any length up to a chapter's. Blank lines part its paragraphs."""

    id: SampleId
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_SAMPLE)]
    paragraph_pause: float = Field(0.6, ge=0, le=60, description="Seconds of silence between two paragraphs.")

    @property
    def parts(self) -> list[Part]:
        """A paragraph each."""
        texts = paragraphs(self.text) or [self.text]
        pauses = [self.paragraph_pause] * (len(texts) - 1) + [0.0]
        return [Part(text=text, pause_after=pause) for text, pause in zip(texts, pauses, strict=True)]


def _of_bounded_length(segments: list[Part]) -> list[Part]:
    if sum(len(segment.text) for segment in segments) > LONGEST_SAMPLE:
        raise ValueError(f"a sample may have {LONGEST_SAMPLE} characters")
    return segments


class LongSegmented(SegmentedRequest):
    id: SampleId
    segments: Annotated[list[Part], AfterValidator(_of_bounded_length)] = Field(min_length=1, max_length=200)

    @property
    def parts(self) -> list[Part]:
        return self.segments


def _shape(sample: Any) -> str:
    segmented = "segments" in sample if isinstance(sample, dict) else isinstance(sample, LongSegmented)
    return "segmented" if segmented else "simple"


def _each_named_once(samples: list["Sample"]) -> list["Sample"]:
    seen: set[str] = set()
    for sample in samples:
        if (name := sample.id.casefold()) in seen:  # some file systems do not tell `a` from `A`
            raise ValueError(f"the id {sample.id!r} is there twice")
        seen.add(name)
    return samples


Sample = Annotated[
    Annotated[LongSimple, Tag("simple")] | Annotated[LongSegmented, Tag("segmented")], Discriminator(_shape)
]


class LongRequest(BaseModel):
    """Up to 1,000 samples, each with a `text` or with `segments`."""

    model_config = ConfigDict(extra="forbid")

    samples: Annotated[list[Sample], AfterValidator(_each_named_once)] = Field(min_length=1, max_length=1000)

    @property
    def characters(self) -> int:
        return sum(len(part.text) for sample in self.samples for part in sample.parts)
