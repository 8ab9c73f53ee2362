"""A batch file's samples, and every fault in it: of its shape, and beside the voices and languages of a server."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from api.jobs.schemas import NamedPart, Sample, Samples
from api.names import composed
from api.reading import lines
from api.voices.blends import parse_blend
from api.wording import nearest, shown
from client.document import BatchFileError, Document, Fault
from client.document import Path as Place
from client.tables import reader_of
from runners.checkpoint.agreement import UPSTREAM_LANGUAGES
from runners.errors import InvalidInput


def _with_address(made: dict[str, Any]) -> None:
    made["properties"]["$schema"] = {"type": "string", "description": "Where this schema lies, for editors."}


class BatchFile(Samples):
    """Samples, each with a `text` or with `segments`, and defaults for all of them if wanted."""

    model_config = ConfigDict(json_schema_extra=_with_address)

    samples: list[Sample] = Field(min_length=1, description="Each becomes one audio file.")


@cache
def schema() -> dict[str, Any]:
    """For editors."""
    return BatchFile.model_json_schema()


def load(path: Path, output_format: str | None = None) -> tuple[Document, list[Sample]]:
    """The samples in the file's order. `output_format` goes before every format the file names.

    Raises BatchFileError with every fault of the file, OSError where it cannot be read.
    """
    document = reader_of(path.name)(path.read_bytes())
    faults = {(fault.line, fault.column): fault for fault in (*document.faults, *_twice_named(document))}
    try:
        samples = BatchFile.model_validate(document.value, strict=True).samples
    except ValidationError as error:
        for each in error.errors():
            fault = _fault(document, each["loc"], each["msg"], at_name=each["type"] == "extra_forbidden")
            faults.setdefault((fault.line, fault.column), fault)
        samples = []
    for index, sample in enumerate(samples):
        for place, message in _unsayable(sample):
            fault = _fault(document, ("samples", index, *place), message)
            faults.setdefault((fault.line, fault.column), fault)
    if faults:
        raise BatchFileError(sorted(faults.values()))
    if output_format:
        for sample in samples:
            sample.output_format = output_format  # type: ignore[assignment]
    return document, samples


def server_faults(
    document: Document, samples: Sequence[Sample], voices: Mapping[str, Sequence[str]], languages: Sequence[str]
) -> list[Fault]:
    """What a server with these `voices`, styles by name, and `languages` lacks. Each fault once."""
    known = {_code(language): language for language in (*languages, "auto")}
    faults: dict[Fault, None] = {}
    for index, sample in enumerate(samples):
        for number, part in enumerate(sample.parts):
            for name, message in _lacking(sample, part, voices, known):
                own = sample.segments and name in part.model_fields_set
                place = ("segments", number, name) if own else (name,)
                faults[_fault(document, ("samples", index, *place), message)] = None
    return sorted(faults)


def _lacking(
    sample: Sample, part: NamedPart, voices: Mapping[str, Sequence[str]], languages: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Fields of a part, and what is wrong with them."""
    language = part.language or sample.language
    if language and _code(language) not in languages:
        yield "language", f"the model has no language {shown(language)}; {nearest(language, languages.values())}"
    voice = composed(part.voice or sample.voice)
    blended = [voice] if voice in voices else [name for name, _ in parse_blend(voice) or [(voice, 1.0)]]
    if missing := [name for name in blended if name not in voices]:
        for name in missing:
            yield "voice", f"the server has no voice {shown(name)}; {nearest(name, voices)}"
        return
    style = sample.style if part.style is None and voice == composed(sample.voice) else part.style
    if isinstance(style, dict) and not any(style.values()):
        yield "style", "the weights are all 0: at least one reference must count"
    for name in [style] if isinstance(style, str) else style or {}:
        for each in blended:
            if composed(name) not in voices[each]:
                yield "style", f"voice {shown(each)} has no style {shown(name)}; {nearest(name, voices[each])}"


def _unsayable(sample: Sample) -> Iterator[tuple[Place, str]]:
    parts = sample.parts
    places: dict[Place, list[NamedPart]] = {("text",): parts}
    if sample.segments is not None:
        places = {("segments", index, "text"): [part] for index, part in enumerate(parts)}
    for place, own in places.items():
        try:
            if not any(_says(sample, part) for part in own):
                yield place, f"nothing would be said of {shown(sample.text or own[0].text)}; write words, or remove it"
        except InvalidInput as error:
            yield place, error.message
    if len(parts) > 200:
        yield ("text",), "it has more than 200 paragraphs: cut it, or submit it as a long job"


def _says(sample: Sample, part: NamedPart) -> bool:
    """Whether a server would say anything, in any language where none is named. What a server's own lexicon and its
    voices respell is not known here. Raises InvalidInput for a pause that is too long."""
    code = _code(part.language or sample.language or "")
    languages = [language for language in UPSTREAM_LANGUAGES if _code(language) == code] or UPSTREAM_LANGUAGES
    respelled = [sample.pronunciations or {}]
    return any(
        line.text
        for language in languages
        for line in lines(part.text, language, respelled, normalize=sample.normalize)
    )


def _twice_named(document: Document) -> Iterator[Fault]:
    """Ids that name one file, on any file system: some do not tell `a` from `A`."""
    places: dict[str, list[Place]] = defaultdict(list)
    for place in document.values:
        name = document.at(place) if len(place) == 3 and place[::2] == ("samples", "id") else None
        if isinstance(name, str):
            places[composed(name).casefold()].append(place)
    for first, *others in places.values():
        for place in others:
            message = (
                f"{shown(document.at(place))} is already the id on line {document.line(first)}; each needs its own"
            )
            yield document.fault(place, message)


def _fault(document: Document, place: Place, message: str, *, at_name: bool = False) -> Fault:
    """At the value; where the sample has none, at the default that it took, or at what should hold it."""
    if place not in document.values and ("defaults", place[-1]) in document.values:
        place = ("defaults", place[-1])
    while place not in document.values:
        place = place[:-1]
    return document.fault(place, message, at_name=at_name)


def _code(language: str) -> str:
    return language.lower().partition("-")[0]


if __name__ == "__main__":  # python -m client.batch_file > examples/schema.json
    print(json.dumps(schema(), ensure_ascii=False, indent=2))
