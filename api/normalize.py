"""`POST /normalize`: what would be read out of a text, and where in the text each part of that came from."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from api.body import Body as RequestBody
from api.described import errors
from api.here import here
from api.plan import Planner
from api.pronunciations import Pronunciations
from api.reading import Line
from api.schemas import Text


class NormalizeRequest(RequestBody):
    """A text, and the language that it is in."""

    text: Text
    language: str = Field(max_length=16, description="One of the model's languages, or `auto`.", examples=["hu"])
    voice: str | None = Field(None, max_length=128, description="The voice whose own respellings count too.")
    pronunciations: Pronunciations = None


class Reading(BaseModel):
    text: str = Field(description="What would be read, without the pauses.")
    spans: list[Annotated[list[int], Field(min_length=4, max_length=4)]] = Field(  # not a tuple: tools know `items`
        description="`[start, end, start in the original, end in the original]` in characters, in order."
    )


router = APIRouter(tags=["Speech"], responses=errors(404, 503))


@router.post("/normalize")
async def normalize(
    planner: Annotated[Planner, here("planner")], asked: Annotated[NormalizeRequest, Body()]
) -> Reading:
    """How a text is read: numbers, dates and abbreviations in words, markup and emoji left out."""
    read = await planner.reading(asked.text, asked.language, asked.pronunciations or {}, asked.voice)
    return await asyncio.to_thread(_joined, read)


def _joined(read: list[Line]) -> Reading:
    texts: list[str] = []
    spans: list[list[int]] = []
    at = 0
    for line in read:
        spans += [[at + span.start, at + span.stop, span.from_start, span.from_stop] for span in line.reading.spans()]
        texts.append(line.reading.text)
        at += len(line.reading.text) + 1
    return Reading(text=" ".join(texts), spans=spans)
