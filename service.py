"""The public BentoML service: text in, speech out. Routes only; the work is in `api/` and, behind it, `runners/`."""

import os
from typing import Annotated, Any, cast

import bentoml
from bentoml.validators import ContentType
from fastapi import FastAPI
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.config import ServerConfig
from api.cors import CrossOrigin
from api.docs import PAGE
from api.errors import ErrorBodies
from api.forms import FormBodies
from api.language import LanguageDetector
from api.limits import BodyLimit
from api.logs import leave_out_bad_requests
from api.responses import health, refuse_in_app, respond
from api.runner_client import RunnerClient, connect
from api.schemas import SegmentedRequest, SimpleRequest
from api.security import Callers, RateLimits, refuse, report
from api.synthesis import Synthesis
from api.voice_form import DOCUMENTED, LARGEST_UPLOAD
from api.voice_listing import VoiceDescription, VoiceList
from api.voice_routes import VoiceRoutes
from api.voice_store import VoiceStore
from api.voices import VoiceLibrary
from runners.errors import SpeechError
from runners.logs import log_as_bentoml_does
from runners.xtts_runner import XTTSRunner

CONFIG = ServerConfig.from_env()
os.environ["FORWARDED_ALLOW_IPS"] = ",".join(CONFIG.trusted_proxies)  # uvicorn reads it once this is loaded
AudioFile = Annotated[bytes, ContentType("audio/*")]

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
app.add_exception_handler(SpeechError, refuse_in_app)


@bentoml.asgi_app(app)
@bentoml.service(name="XTTS", traffic={"timeout": CONFIG.timeout + 60})
class XTTS:
    """Text to speech in your own voice."""

    runner = bentoml.depends(XTTSRunner)

    def __init__(self) -> None:
        log_as_bentoml_does("api")
        leave_out_bad_requests()
        store = VoiceStore(CONFIG.uploads_dir)
        store.sweep()
        voices = VoiceLibrary(CONFIG.voices_dir, CONFIG.uploads_dir)
        voices.report()
        report(CONFIG.api_keys)
        self.client = RunnerClient(connect(self.runner.to_async.url))
        self.synthesis = Synthesis(CONFIG, self.client, voices, LanguageDetector())
        self.voices = VoiceRoutes(voices, store, self.client)

    @bentoml.api(route="/generate/simple", input_spec=SimpleRequest)
    async def simple(self, ctx: bentoml.Context, **body: Any) -> AudioFile:
        """Say one text. Returns an audio file; `X-Seed`, `X-Audio-Duration` and `X-Sample-Rate` say what it is."""
        return await respond(ctx, self.synthesis.simple(SimpleRequest(**body)))  # type: ignore[return-value]

    @bentoml.api(route="/generate/segmented", input_spec=SegmentedRequest)
    async def segmented(self, ctx: bentoml.Context, **body: Any) -> AudioFile:
        """Say several texts in a row with exact pauses. `X-Segments` holds `[start, end]` seconds of each."""
        return await respond(ctx, self.synthesis.segmented(SegmentedRequest(**body)))  # type: ignore[return-value]

    @app.get("/", include_in_schema=False)
    async def documentation(self) -> Response:
        return HTMLResponse(PAGE)

    @app.head("/health", include_in_schema=False)
    @app.get("/health")
    async def health(self) -> Response:
        """200 once the model is loaded, 503 and `"loading"` until then."""
        return await health(self.client)

    @app.get("/voices")
    async def list_voices(self) -> VoiceList:
        """Every voice that a request may name."""
        return await self.voices.all()

    @app.post("/voices", status_code=201, openapi_extra=DOCUMENTED)
    async def upload_voice(self, request: Request, response: Response) -> VoiceDescription:
        """A new voice: a clip for each style, or a file of latents. What was judged and found poor is in `warnings`."""
        return await self.voices.upload(request, response)

    @app.get("/voices/{name}")
    async def get_voice(self, name: str) -> VoiceDescription:
        return await self.voices.one(name)

    @app.delete("/voices/{name}", status_code=204)
    async def delete_voice(self, name: str) -> None:
        """Of those that were uploaded."""
        await self.voices.delete(name)

    @app.get("/voices/{name}/latents", response_class=Response)
    async def get_latents(self, name: str) -> Response:
        """What the model hears in the voice, as a safetensors file. It stands in for the clips in an upload."""
        return await self.voices.latents(name)

    async def __is_ready__(self) -> bool:
        """What `/readyz` asks."""
        return await self.client.ready()


_service = cast(Any, XTTS)
if CONFIG.cors_origins:
    _service.add_asgi_middleware(CrossOrigin, origins=CONFIG.cors_origins)
_service.add_asgi_middleware(ErrorBodies)
_service.add_asgi_middleware(AuthenticationMiddleware, backend=Callers(CONFIG.api_keys), on_error=refuse)
_service.add_asgi_middleware(
    RateLimits, requests=CONFIG.rate_limit, characters=CONFIG.character_limit, store=CONFIG.rate_limit_store
)
_service.add_asgi_middleware(BodyLimit, limit=CONFIG.max_body, uploads={"/voices": LARGEST_UPLOAD})
_service.add_asgi_middleware(FormBodies, path="/generate/")
