"""Speech as an address: what `<audio src>`, cast devices and players can open."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.audio.formats import media_type, rate_of
from api.body import Body as RequestBody
from api.described import RATE, audio_file
from api.live_response import LiveResponse
from api.responses import while_connected
from api.schemas import Language, Loudness, OutputFormat, SampleRate, Seed, SimpleRequest, Speed, Text
from api.synthesis import Synthesis

LONGEST = 4096  # characters: what is between here and there takes addresses of 8 kB


def _whole(rate: object) -> object:
    return int(rate) if isinstance(rate, str) and rate.isdecimal() else rate


class Playback(RequestBody):
    """A simple request in an address."""

    model_config = ConfigDict(extra="ignore")  # players add their own

    text: Annotated[Text, Field(max_length=LONGEST)]
    voice: str = Field("default", max_length=128)
    language: Language = None
    style: str | None = Field(None, max_length=128)
    output_format: OutputFormat = "mp3"
    sample_rate: Annotated[SampleRate, BeforeValidator(_whole)] = None
    loudness: Loudness = None
    speed: Speed = 1.0
    seed: Seed | None = None


router = APIRouter(tags=["Speech"])


def _synthesis(request: Request) -> Synthesis:
    synthesis: Synthesis = request.app.state.synthesis
    return synthesis


@router.get("/generate/stream", response_class=Response, responses=audio_file())
async def play(
    synthesis: Annotated[Synthesis, Depends(_synthesis)], request: Request, asked: Annotated[Playback, Query()]
) -> Response:
    """Synthesize one text, and send the audio as it is made."""
    body = SimpleRequest(**asked.model_dump(exclude_unset=True))
    live = await while_connected(request, synthesis.live(body))
    return LiveResponse(live.flow, live.flow, live.media_type, live.headers)


@router.head("/generate/stream", include_in_schema=False)
async def there(asked: Annotated[Playback, Query()]) -> Response:
    """Nothing is synthesized for who only looks."""
    return Response(media_type=media_type(asked.output_format, rate_of(asked.output_format, asked.sample_rate, RATE)))
