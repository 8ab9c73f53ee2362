"""How a whole answer is handed over: the audio alone, a zip of it and its subtitles, or JSON with all that is known."""

import base64
import io
import zipfile
from typing import Final

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.audio.subtitles import subtitles
from api.schemas import Settings
from api.synthesis import Rendered

JSON: Final = "application/json"
ZIP: Final = "application/zip"
NAME: Final = "audio"  # of the files in a zip, before the ending


class Spoken(BaseModel):
    """A segment, or a stretch of one between pauses; with subtitles, a sentence."""

    start: float = Field(description="Seconds.")
    end: float
    text: str = Field(description="In the words of the request.")
    segment: int = Field(description="Index in the request.")


class SpeechAnswer(BaseModel):
    """What `Accept: application/json` gets."""

    audio: str = Field(description="The file, in base64.", json_schema_extra={"format": "byte"})
    format: str
    sample_rate: int = Field(description="Hz.")
    duration: float = Field(description="Seconds.")
    seed: int
    language: str
    segments: list[Spoken]
    subtitles: str | None = Field(None, description="The file, where `subtitles` were asked for.")


def comes_whole(request: Request, body: Settings) -> bool:
    """Whether what is asked for cannot be sent as it is made."""
    return body.subtitles is not None or wants_json(request)


def wants_json(request: Request) -> bool:
    """Whether it accepts JSON and no audio. Many clients accept JSON first of all, and then everything."""
    accepted = [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "").split(",")]
    return JSON in accepted and not any(each == "*/*" or each.startswith("audio/") for each in accepted)


def deliver(rendered: Rendered, request: Request) -> Response:
    """Takes as long as the audio is long, so it belongs in a thread."""
    written = subtitles(rendered.cues, rendered.subtitles) if rendered.subtitles else None
    if wants_json(request):
        return JSONResponse(_answer(rendered, written).model_dump(exclude_none=True), headers=rendered.headers)
    if written is None:
        return Response(rendered.body, media_type=rendered.media_type, headers=rendered.headers)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{NAME}.{rendered.format}", rendered.body)
        archive.writestr(f"{NAME}.{rendered.subtitles}", written)
    return Response(file.getvalue(), media_type=ZIP, headers=rendered.headers)


def _answer(rendered: Rendered, written: str | None) -> SpeechAnswer:
    headers = rendered.headers
    return SpeechAnswer(
        audio=base64.b64encode(rendered.body).decode(),
        format=rendered.format,
        sample_rate=int(headers["X-Sample-Rate"]),
        duration=float(headers["X-Audio-Duration"]),
        seed=int(headers["X-Seed"]),
        language=headers["X-Language"],
        segments=[Spoken(start=cue.start, end=cue.end, text=cue.text, segment=cue.part) for cue in rendered.cues],
        subtitles=written,
    )
