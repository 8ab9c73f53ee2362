"""The routes of xtts-streaming-server, which pipecat's XTTSService calls: https://github.com/coqui-ai/xtts-streaming-server.

Its clients ask for latents once, and send them with each text. It is another server than that of `GET /tts_stream`.
"""

import base64
from typing import Annotated

from fastapi import APIRouter, Body, UploadFile
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.body import Body as RequestBody
from api.compatible.latents import Holder, LatentsHolder, listed
from api.described import BINARY, errors
from api.language import AUTO
from api.live_response import LiveResponse
from api.responses import unmade, while_connected
from api.schemas import Language, OutputFormat, SimpleRequest, Text

Row = Annotated[list[float], Field(min_length=1, max_length=8192)]


class LatentsWish(RequestBody):
    model_config = ConfigDict(extra="ignore")

    text: Text
    language: Language = AUTO
    speaker_embedding: Row
    gpt_cond_latent: list[Row] = Field(min_length=1, max_length=64)
    add_wav_header: bool = Field(True, description="false: raw samples at 24,000 Hz.")


router = APIRouter(tags=["xtts-streaming-server"], responses=errors(503))


@router.get("/studio_speakers")
async def studio_speakers(holder: Holder) -> JSONResponse:
    """The latents of each voice: about 700 kB each."""
    every = await holder.of_all()
    return await run_in_threadpool(lambda: JSONResponse({name: listed(each) for name, each in every.items()}))


@router.head("/studio_speakers", include_in_schema=False)
async def studio_speakers_there() -> Response:
    """No latents are computed for who only looks."""
    return unmade("application/json")


@router.post("/clone_speaker")
async def clone_speaker(holder: Holder, wav_file: UploadFile) -> JSONResponse:
    """The latents of a clip, which is not stored."""
    latents = await holder.of_clips([await wav_file.read()])
    return JSONResponse(listed(latents))


@router.post("/tts", responses=errors(504))
async def tts(holder: Holder, request: Request, wish: Annotated[LatentsWish, Body()]) -> str:
    """A WAV file in base64, as a JSON string."""
    body = await _body(holder, wish, "wav")
    file = await while_connected(request, holder.synthesis.whole(body))
    return base64.b64encode(file.body).decode()


@router.post(
    "/tts_stream",
    response_class=Response,
    responses={200: {"content": {"audio/wav": BINARY, "audio/pcm": BINARY}}, **errors(504)},
)
async def tts_stream(holder: Holder, request: Request, wish: Annotated[LatentsWish, Body()]) -> Response:
    """As it is made."""
    body = await _body(holder, wish, "wav" if wish.add_wav_header else "pcm")
    live = await while_connected(request, holder.synthesis.live(body))
    return LiveResponse(live.flow, live.flow, live.media_type, live.headers)


async def _body(holder: LatentsHolder, wish: LatentsWish, form: OutputFormat) -> SimpleRequest:
    voice = await holder.sent(wish.gpt_cond_latent, wish.speaker_embedding)
    return SimpleRequest(text=wish.text, language=wish.language, voice=voice, output_format=form)
