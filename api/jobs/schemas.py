"""The body of `/generate/long`: samples, each with a name and shaped as one of the other generate routes wants it."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from api.body import Body
from api.jobs.passages import paragraphs
from api.schemas import Part, Segments, Settings, Text

LONGEST_SAMPLE = 50_000  # characters: an hour of speech, which takes 350 MB while it is put together

SampleId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="The sample's name and its file's: 1 to 100 of A-Z, a-z, 0-9, `.`, `_` and `-`.",
        examples=["chapter-01"],
    ),
]


class Sample(Settings):
    """A text of any length up to a chapter's, or segments."""

    id: SampleId
    text: Text | None = Field(None, description="What to say. Blank lines part paragraphs.")
    segments: Segments | None = None
    paragraph_pause: float = Field(0.6, ge=0, le=60, description="Seconds of silence between two paragraphs.")
    trim_silence: bool | None = Field(  # whose default depends on the shape
        None, description="Drop the model's own silence around each paragraph (None: no) or segment (None: yes)."
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "Sample":
        if (self.text is None) == (self.segments is None):
            raise ValueError("a sample has either a text or segments")
        if sum(len(part.text) for part in self.parts) > LONGEST_SAMPLE:
            raise ValueError(f"a sample may have {LONGEST_SAMPLE} characters")
        return self

    @property
    def trims(self) -> bool:
        return self.segments is not None if self.trim_silence is None else self.trim_silence

    @property
    def parts(self) -> list[Part]:
        """The segments, or the paragraphs."""
        if self.segments is not None:
            return self.segments
        assert self.text is not None
        texts = paragraphs(self.text) or [self.text]
        pauses = [self.paragraph_pause] * (len(texts) - 1) + [0.0]
        return [Part(text=text, pause_after=pause) for text, pause in zip(texts, pauses, strict=True)]


def _each_named_once(samples: list[Sample]) -> list[Sample]:
    seen: set[str] = set()
    for sample in samples:
        if (name := sample.id.casefold()) in seen:  # some file systems do not tell `a` from `A`
            raise ValueError(f"the id {sample.id!r} is there twice")
        seen.add(name)
    return samples


class LongRequest(Body):
    """Up to 1,000 samples, each with a `text` or with `segments`."""

    samples: Annotated[list[Sample], AfterValidator(_each_named_once)] = Field(min_length=1, max_length=1000)

    @property
    def characters(self) -> int:
        return sum(len(part.text) for sample in self.samples for part in sample.parts)
