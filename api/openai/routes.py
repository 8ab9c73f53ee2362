"""OpenAI's speech API, for clients that know no other: https://platform.openai.com/docs/api-reference/audio.

The routes raise what all others raise; api/openai/errors.py puts it in OpenAI's words.
"""

import base64
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.audio.formats import PLAIN_PCM
from api.config import ServerConfig
from api.described import AUDIO, AUDIO_HEADERS, OpenAIErrorBody, errors
from api.errors import UnknownModel
from api.here import here
from api.language import AUTO
from api.live_response import LiveResponse
from api.openai.schemas import (
    MODELS,
    CreatedVoice,
    Model,
    ModelList,
    SpeechModels,
    SpeechRequest,
    SpeechVoice,
    SpeechVoices,
    is_known,
    own_name,
    style_in,
    usage,
)
from api.openai.voices import VoiceNames
from api.responses import while_connected
from api.runner_client import RunnerClient
from api.schemas import SimpleRequest
from api.sent_voice import SentVoice, name_of
from api.synthesis import Live, Rendered, Synthesis
from api.voices.form import OPENAI_FORM
from api.voices.library import VoiceLibrary
from api.voices.routes import Routes as VoiceRoutes


class OpenAIRoutes:
    def __init__(self, config: ServerConfig, synthesis: Synthesis, runner: RunnerClient, library: VoiceLibrary) -> None:
        self._strict = config.strict_models
        self._names = VoiceNames(config.openai_voices, library)
        self._synthesis = synthesis
        self._runner = runner
        self._library = library

    async def speech(self, asked: SpeechRequest) -> Live | Rendered:
        model = await self._runner.model()
        voice, is_model = await run_in_threadpool(self._voice, asked, model.speakers)
        if self._strict and asked.model and is_model:
            await self.model(asked.model)
        body = await run_in_threadpool(self._in_our_words, asked, asked.latents(model) or voice)
        if asked.is_live or asked.stream_format == "sse":
            return await self._synthesis.live(body)
        return await self._synthesis.whole(body)

    async def models(self) -> ModelList:
        own = own_name((await self._runner.model()).name)
        return ModelList(data=[Model(id=name) for name in (own, *MODELS)])

    async def model(self, name: str) -> Model:
        if not is_known(name, own_name((await self._runner.model()).name)):
            raise UnknownModel(f"The model {name!r} does not exist.", param="model")
        return Model(id=name)

    async def voices(self) -> list[str]:
        return await run_in_threadpool(self._names.all, (await self._runner.model()).speakers)

    def _voice(self, asked: SpeechRequest, speakers: Sequence[str]) -> tuple[str, bool]:
        """Ours, and whether `model` is a model's name. Raises UnknownVoice, which lists all that there are."""
        named = asked.voice or asked.model or "default"
        voice = self._names.find(named, speakers)
        if voice is None and asked.voice:
            raise self._names.unknown(named, speakers)
        return voice or "default", bool(asked.voice) or voice is None

    def _in_our_words(self, asked: SpeechRequest, voice: str | SentVoice) -> SimpleRequest:
        profile = self._library.find(name_of(voice))
        named = style_in(asked.instructions, profile.styles) if profile else None
        return SimpleRequest(
            text=asked.input,
            language=asked.language or AUTO,
            voice=voice,
            style=named if asked.style is None else asked.style,
            output_format=asked.response_format,
            speed=asked.speed,
            seed=asked.seed,
            normalize=asked.normalize,
            pronunciations=asked.pronunciations,
            sample_rate=asked.sample_rate,
            loudness=asked.loudness,
        )


EXAMPLES: Final = {"speech": {"value": {"model": "tts-1", "input": "Jó napot kívánok!", "voice": "alloy"}}}
router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=errors(503, body=OpenAIErrorBody))
Routes = Annotated[OpenAIRoutes, here("openai")]


@router.post(
    "/audio/speech",
    response_class=Response,
    responses={
        200: {"content": {**AUDIO, "text/event-stream": {}}, "headers": AUDIO_HEADERS},
        **errors(404, 504, body=OpenAIErrorBody),
    },
)
async def create_speech(
    routes: Routes, request: Request, asked: Annotated[SpeechRequest, Body(openapi_examples=EXAMPLES)]
) -> Response:
    """Synthesize a text, and send the audio as it is made, as a file or as events."""
    audio = await while_connected(request, routes.speech(asked))
    media_type = PLAIN_PCM if asked.response_format == "pcm" else audio.media_type
    if isinstance(audio, Rendered):
        return Response(audio.body, media_type=media_type, headers=audio.headers)
    if asked.stream_format == "sse":
        return LiveResponse(_events(audio, len(asked.input)), audio.flow, "text/event-stream", audio.headers)
    return LiveResponse(audio.flow, audio.flow, media_type, audio.headers)


Legacy = Annotated[bool, Query(description="Names alone.", examples=[False])]


@router.get("/audio/voices")
async def list_voices(routes: Routes, legacy: Legacy = False) -> SpeechVoices:
    """Every voice that a request may name, beside OpenAI's."""
    names = await routes.voices()
    return SpeechVoices(voices=names if legacy else [SpeechVoice(id=name, name=name) for name in names])


@router.post("/audio/voices", openapi_extra=OPENAI_FORM, responses=errors(507, body=OpenAIErrorBody))
async def create_voice(voices: VoiceRoutes, request: Request, response: Response) -> CreatedVoice:
    """A new voice from one clip, as `POST /voices` takes it."""
    name = (await voices.upload(request, response)).name
    return CreatedVoice(id=name, name=name, created_at=int(time.time()))


@router.get("/audio/models")
async def list_speech_models(routes: Routes, legacy: Legacy = False) -> SpeechModels:
    """The list of models, as front ends that ask for voices ask for it."""
    names = [model.id for model in (await routes.models()).data]
    return SpeechModels(models=names if legacy else [SpeechVoice(id=name, name=name) for name in names])


@router.get("/models")
async def list_models(routes: Routes) -> ModelList:
    return await routes.models()


@router.get("/models/{name}", responses=errors(404, body=OpenAIErrorBody))
async def get_model(routes: Routes, name: Annotated[str, Path(examples=["tts-1"])]) -> Model:
    return await routes.model(name)


async def _events(live: Live, characters: int) -> AsyncIterator[bytes]:
    """The file in base64, and what it cost."""
    async for chunk in live.flow:
        yield _event("speech.audio.delta", audio=base64.b64encode(chunk).decode())
    yield _event("speech.audio.done", usage=usage(characters, live.recording.codes))


def _event(kind: str, **fields: Any) -> bytes:
    return f"data: {json.dumps({'type': kind, **fields})}\n\n".encode()
