"""Speech as an address: what `<audio src>`, cast devices and players can open.

Where keys are set it takes a link, which who has a key can ask for.
"""

import time
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import Response

from api.audio.formats import media_type, rate_of
from api.auth.links import LONGEST as LONGEST_LINK
from api.auth.links import signed
from api.body import Body as RequestBody
from api.described import RATE, audio_file
from api.here import here
from api.live_response import LiveResponse
from api.paths import PLAYBACK, prefix_of
from api.responses import unmade, while_connected
from api.schemas import Language, Loudness, OutputFormat, SampleRate, Seed, SimpleRequest, Speed, Text, number
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


class LinkRequest(Playback):
    seconds: int = Field(300, ge=1, le=LONGEST_LINK, description="How long the link holds, where keys are set.")

    _numbers = field_validator("speed", "seed", "loudness", "sample_rate", "seconds", mode="before")(number)


class Link(BaseModel):
    url: str = Field(description="From this server's address on.")
    expires_at: int = Field(description="Seconds since 1970.")


router = APIRouter(tags=["Speech"])


@router.get(PLAYBACK, response_class=Response, responses=audio_file())
async def play(
    synthesis: Annotated[Synthesis, here("synthesis")], request: Request, asked: Annotated[Playback, Query()]
) -> Response:
    """Synthesize one text, and send the audio as it is made."""
    body = SimpleRequest(**asked.model_dump(exclude_unset=True))
    live = await while_connected(request, synthesis.live(body))
    return LiveResponse(live.flow, live.flow, live.media_type, live.headers)


@router.head(PLAYBACK, include_in_schema=False)
async def there(asked: Annotated[Playback, Query()]) -> Response:
    """Nothing is synthesized for who only looks."""
    return unmade(media_type(asked.output_format, rate_of(asked.output_format, asked.sample_rate, RATE)))


@router.post("/generate/link")
async def link(request: Request, asked: Annotated[LinkRequest, Body()]) -> Link:
    """An address that plays the text, and needs no key. Whoever has it can open it, as often as the limits allow."""
    until = int(time.time()) + asked.seconds
    query = asked.model_dump(exclude_unset=True, exclude_none=True, exclude={"seconds"})
    keys = request.app.state.config.api_keys
    url = f"{prefix_of(request.scope)}{PLAYBACK}?{signed(query, keys, request.user.display_name, until)}"
    return Link(url=url, expires_at=until)
