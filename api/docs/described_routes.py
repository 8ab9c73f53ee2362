"""The routes that BentoML serves, described for the documentation in FastAPI's words. Nothing here is ever called.

What the mounted app serves describes itself. A new BentoML API gets a function here; a test misses it otherwise.
"""

from enum import Enum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel

from api.bodies import FORMS
from api.delivery import SpeechAnswer
from api.described import BINARY, SEGMENTS, audio_file, errors
from api.jobs.schemas import LongRequest
from api.responses import Health
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest

ZIP: Final = {"application/zip": BINARY}

SPEECH: Final[list[str | Enum]] = ["Speech"]
JOBS: Final[list[str | Enum]] = ["Long jobs"]
OPERATION: Final[list[str | Enum]] = ["Operation"]

SENTENCE: Final = {"summary": "A sentence", "value": {"text": "Jó napot kívánok! Kezdődjön a játék!"}}
CHOSEN: Final = {
    "summary": "A style, a format and a seed",
    "value": {"text": "Ki írta a Szózatot?", "style": "question", "output_format": "wav", "seed": 7},
}
BLEND: Final = {
    "summary": "A blend of styles, and the language found out",
    "value": {"text": "What a day!", "language": "auto", "style": {"neutral": 0.3, "excitement": 0.7}},
}
QUIZ: Final = {
    "summary": "A question and its answers",
    "value": {
        "output_format": "flac",
        "segments": [
            {"text": "Melyik nagy költőnk írta a Szózatot?", "pause_after": 0.5, "style": "question"},
            {"text": "A: Kölcsey Ferenc.", "pause_after": 0.7},
            {"text": "B: Vörösmarty Mihály.", "pause_after": 0.7},
        ],
    },
}
CHAPTERS: Final = {
    "summary": "Two samples",
    "value": {
        "samples": [
            {"id": "greeting", "text": "Jó napot kívánok!\n\nKezdődjön a játék!"},
            {"id": "question", "segments": [{"text": "Ki írta?", "pause_after": 0.5}, {"text": "Nem tudom."}]},
        ]
    },
}


def or_form(body: type[BaseModel]) -> dict[str, Any]:
    """For a route's `openapi_extra`: its body may be a form of the same fields, too."""
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"requestBody": {"content": {form: {"schema": schema} for form in FORMS}}}


def answers(more: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """The audio; with `subtitles` a zip of both; JSON for `Accept: application/json`."""
    documented = audio_file(more)
    file = documented[200]
    content = {**file["content"], **ZIP}
    about = f"{file['description']} With `subtitles` a zip of both. JSON for `Accept: application/json` alone."
    return {**documented, 200: {**file, "content": content, "description": about, "model": SpeechAnswer}}


router = APIRouter(default_response_class=Response)


@router.post("/generate/simple", tags=SPEECH, responses=answers(), openapi_extra=or_form(SimpleRequest))
def simple(
    body: Annotated[SimpleRequest, Body(openapi_examples={"sentence": SENTENCE, "chosen": CHOSEN, "blend": BLEND})],
) -> None:
    """Synthesize one text. In a form, fields of more than text are written in JSON."""


@router.post("/generate/segmented", tags=SPEECH, responses=answers(SEGMENTS), openapi_extra=or_form(SegmentedRequest))
def segmented(body: Annotated[SegmentedRequest, Body(openapi_examples={"quiz": QUIZ})]) -> None:
    """Synthesize several texts in a row with exact pauses."""


@router.post("/generate/stream", tags=SPEECH, responses=answers(), openapi_extra=or_form(StreamRequest))
def stream(
    body: Annotated[StreamRequest, Body(openapi_examples={"sentence": SENTENCE, "chosen": CHOSEN, "quiz": QUIZ})],
) -> None:
    """Synthesize one text or several, and send the audio as it is made. Takes the body of either route above."""


@router.post(
    "/generate/long",
    tags=JOBS,
    responses={200: {"description": "A zip of files and `manifest.json`.", "content": ZIP}, **errors(404, 503, 504)},
)
def long(body: Annotated[LongRequest, Body(openapi_examples={"chapters": CHAPTERS})]) -> None:
    """Synthesize up to 10,000 samples where the server is idle, and wait for them. To come back later: submit them."""


@router.get("/health", tags=OPERATION, responses={200: {"model": Health}, **errors(503)})
def health() -> None:
    """What is served, and how busy it is."""


@router.get("/livez", tags=OPERATION, responses={200: {"content": {"text/plain": {}}}})
def livez() -> None:
    """The server runs."""


@router.get("/readyz", tags=OPERATION, responses={200: {"content": {"text/plain": {}}}, **errors(503)})
def readyz() -> None:
    """The server runs and the model is loaded."""
