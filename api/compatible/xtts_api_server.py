"""The routes of xtts-api-server 0.8 that its clients call, such as SillyTavern's XTTSv2 provider.

https://github.com/daswer123/xtts-api-server. Its settings are the server's, so they hold for all callers of these
routes, and until a restart. Fields that mean nothing here are let pass.
"""

from pathlib import PureWindowsPath
from typing import Annotated, Any, Final
from urllib.parse import quote

from babel import Locale, UnknownLocaleError
from fastapi import APIRouter, Body, Path, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import Response

from api.audio.formats import media_type
from api.body import Body as RequestBody
from api.described import BINARY, RATE, errors
from api.here import here
from api.language import AUTO
from api.live_response import LiveResponse
from api.paths import prefix_of
from api.responses import unmade, while_connected
from api.runner_client import RunnerClient
from api.schemas import SAMPLING, Language, SimpleRequest, Temperature, Text, number
from api.synthesis import Synthesis
from api.voices.library import VoiceLibrary

PREVIEW: Final = "1, 2, 3."  # is read out in every language
WAV: Final = {"content": {"audio/wav": BINARY}}
LIVEKITS: Final = "xi-api-key"  # the header that livekit-plugins-xtts sends, and no browser
LIVEKITS_RATE: Final = 22_050  # Hz, unless told otherwise
NUMBERS: Final = (
    "temperature",
    "speed",
    "length_penalty",
    "repetition_penalty",
    "top_p",
    "top_k",
    "stream_chunk_size",
)
IGNORED: Final = "Has no meaning here."


class Wish(RequestBody):
    model_config = ConfigDict(extra="ignore")

    text: Text
    speaker_wav: str = Field("default", max_length=1024, description="A voice's name, or a file of that name.")
    language: Language = AUTO


class TtsSettings(RequestBody):
    """Numbers may be strings."""

    model_config = ConfigDict(extra="ignore")

    temperature: Temperature = 0.75
    speed: float = Field(1.0, ge=0.25, le=4)
    length_penalty: float = Field(1.0, description=IGNORED)
    repetition_penalty: float = Field(5.0, ge=1, le=50)
    top_p: float = Field(0.85, gt=0, le=1)
    top_k: int = Field(50, ge=0, le=10_000)
    enable_text_splitting: bool = Field(True, description=IGNORED)
    stream_chunk_size: int = Field(100, description=IGNORED)

    @field_validator(*NUMBERS, mode="before")
    @classmethod
    def _no_boolean(cls, value: object) -> object:
        return number(value) if isinstance(value, bool) else value


class Speaker(BaseModel):
    name: str
    voice_id: str
    preview_url: str


class XttsApiServer:
    def __init__(self, synthesis: Synthesis, runner: RunnerClient, library: VoiceLibrary) -> None:
        self.synthesis = synthesis
        self.settings = TtsSettings()
        self._runner = runner
        self._library = library

    async def voices(self) -> list[str]:
        return await run_in_threadpool(self._library.names, (await self._runner.model()).speakers)

    async def languages(self) -> dict[str, str]:
        """Codes by their English names."""
        codes = (await self._runner.model()).languages
        return {_english(code): code for code in codes}

    async def check(self, wish: Wish) -> None:
        """Raises UnknownVoice, BrokenVoice, ModelLoading."""
        speakers = (await self._runner.model()).speakers
        await run_in_threadpool(self._library.resolve, _voice(wish.speaker_wav), speakers=speakers)

    def request(self, wish: Wish) -> SimpleRequest:
        settings = self.settings.model_dump(include={"speed", *SAMPLING})
        voice = _voice(wish.speaker_wav)
        return SimpleRequest(text=wish.text, voice=voice, language=wish.language, output_format="wav", **settings)


def _voice(speaker_wav: str) -> str:
    name = PureWindowsPath(speaker_wav).name  # knows both kinds of slashes
    return name.removesuffix(".wav") or "default"


def _english(code: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name("en") or code
    except (ValueError, UnknownLocaleError):  # a fine-tuned model may call its own as it likes
        return code


router = APIRouter(tags=["xtts-api-server"], responses=errors(503))
Routes = Annotated[XttsApiServer, here("xtts_api_server")]


@router.get("/speakers")
async def speakers(routes: Routes, request: Request) -> list[Speaker]:
    base = f"{str(request.base_url).rstrip('/')}{prefix_of(request.scope)}"
    names = await routes.voices()
    return [Speaker(name=name, voice_id=name, preview_url=f"{base}/sample/{quote(name)}.wav") for name in names]


@router.get("/speakers_list")
async def speakers_list(routes: Routes) -> list[str]:
    return await routes.voices()


@router.get("/languages")
async def languages(routes: Routes) -> dict[str, dict[str, str]]:
    return {"languages": await routes.languages()}


@router.get("/get_tts_settings")
async def get_tts_settings(routes: Routes) -> TtsSettings:
    return routes.settings


@router.post("/set_tts_settings")
async def set_tts_settings(routes: Routes, settings: Annotated[TtsSettings, Body()]) -> dict[str, str]:
    """For all callers of the routes beside this one. What is left out gets its default."""
    routes.settings = settings
    return {"message": "Settings successfully applied"}


@router.post("/tts_to_audio", response_class=Response, responses={200: WAV, **errors(404, 504)})
async def tts_to_audio(routes: Routes, request: Request, wish: Annotated[Wish, Body()]) -> Response:
    """A WAV file, when it is whole."""
    return await _whole(routes, request, wish)


@router.get("/tts_stream", response_class=Response, responses={200: WAV, **errors(404, 504)})
async def tts_stream(routes: Routes, request: Request, wish: Annotated[Wish, Query()]) -> Response:
    """A WAV file, as it is made: the address may be that of an `<audio>` element. Raw samples for
    livekit-plugins-xtts, which reads no header."""
    body = routes.request(wish)
    if LIVEKITS in request.headers:
        body = body.model_copy(update={"output_format": "pcm", "sample_rate": LIVEKITS_RATE})
    live = await while_connected(request, routes.synthesis.live(body))
    return LiveResponse(live.flow, live.flow, live.media_type, live.headers)


@router.head("/tts_stream", include_in_schema=False)
async def stream_there(routes: Routes, request: Request, wish: Annotated[Wish, Query()]) -> Response:
    """Nothing is synthesized for who only looks."""
    await routes.check(wish)
    return unmade(media_type("pcm", LIVEKITS_RATE) if LIVEKITS in request.headers else media_type("wav", RATE))


@router.get("/sample/{name}", response_class=Response, responses={200: WAV, **errors(404, 504)})
async def sample(routes: Routes, request: Request, name: Annotated[str, Path(examples=["default.wav"])]) -> Response:
    """What the voice sounds like."""
    return await _whole(routes, request, Wish(text=PREVIEW, speaker_wav=name, language=None))


@router.head("/sample/{name}", include_in_schema=False)
async def sample_there(routes: Routes, name: str) -> Response:
    await routes.check(Wish(text=PREVIEW, speaker_wav=name))
    return unmade(media_type("wav", RATE))


async def _whole(routes: XttsApiServer, request: Request, wish: Wish) -> Response:
    file: Any = await while_connected(request, routes.synthesis.whole(routes.request(wish)))
    return Response(file.body, media_type=file.media_type, headers=file.headers)
