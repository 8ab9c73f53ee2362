"""OpenAI's speech API, for clients that know no other: https://platform.openai.com/docs/api-reference/audio.

The routes raise what all others raise; api/openai/errors.py puts it in OpenAI's words.
"""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Path
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.described import AUDIO, AUDIO_HEADERS, OpenAIErrorBody, errors
from api.errors import UnknownModel
from api.language import AUTO
from api.live_response import LiveResponse
from api.openai.schemas import (
    MODELS,
    Model,
    ModelList,
    SpeechRequest,
    SpeechVoice,
    SpeechVoices,
    is_known,
    own_name,
    style_in,
    usage,
    voice_for,
)
from api.responses import while_connected
from api.runner_client import RunnerClient
from api.schemas import SimpleRequest
from api.synthesis import Live, Synthesis
from api.voices.library import VoiceLibrary


class OpenAIRoutes:
    def __init__(
        self, synthesis: Synthesis, runner: RunnerClient, library: VoiceLibrary, mapping: Mapping[str, str]
    ) -> None:
        """`mapping`: OpenAI's names of voices, and ours."""
        self._synthesis = synthesis
        self._runner = runner
        self._library = library
        self._mapping = mapping

    async def speech(self, asked: SpeechRequest) -> Live:
        await self.model(asked.model)
        return await self._synthesis.live(await run_in_threadpool(self._in_our_words, asked))

    async def models(self) -> ModelList:
        own = own_name((await self._runner.model()).name)
        return ModelList(data=[Model(id=name) for name in (own, *MODELS)])

    async def model(self, name: str) -> Model:
        if not is_known(name, own_name((await self._runner.model()).name)):
            raise UnknownModel(f"The model {name!r} does not exist.", param="model")
        return Model(id=name)

    async def voices(self) -> SpeechVoices:
        speakers = (await self._runner.model()).speakers
        folders = [profile.name for profile in await run_in_threadpool(self._library.profiles)]
        names = dict.fromkeys((*folders, *speakers, *self._mapping))
        return SpeechVoices(voices=[SpeechVoice(id=name, name=name) for name in names])

    def _in_our_words(self, asked: SpeechRequest) -> SimpleRequest:
        voice = voice_for(asked.voice, self._mapping, self._library.folder_of(asked.voice) is not None)
        profile = self._library.find(voice)
        return SimpleRequest(
            text=asked.input,
            language=AUTO,
            voice=voice,
            style=style_in(asked.instructions, profile.styles) if profile else None,
            output_format=asked.response_format,
            speed=asked.speed,
            normalize=asked.normalize,
            pronunciations=asked.pronunciations,
        )


def _of_this_server(request: Request) -> OpenAIRoutes:
    routes: OpenAIRoutes = request.app.state.openai
    return routes


EXAMPLES: Final = {"speech": {"value": {"model": "tts-1", "input": "Jó napot kívánok!", "voice": "alloy"}}}
router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=errors(503, body=OpenAIErrorBody))
Routes = Annotated[OpenAIRoutes, Depends(_of_this_server)]


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
    live = await while_connected(request, routes.speech(asked))
    if asked.stream_format == "sse":
        return LiveResponse(_events(live, len(asked.input)), live.flow, "text/event-stream", live.headers)
    return LiveResponse(live.flow, live.flow, live.media_type, live.headers)


@router.get("/audio/voices")
async def list_voices(routes: Routes) -> SpeechVoices:
    """Every voice that a request may name, beside OpenAI's."""
    return await routes.voices()


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
