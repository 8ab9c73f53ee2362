"""The public BentoML service: text in, speech out. Routes only; the work is in `api/` and, behind it, `runners/`."""

import os
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType
from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from api.config import ServerConfig
from api.docs import PAGE
from api.draining import refuse_connections_on_sigterm
from api.language import LanguageDetector
from api.logs import leave_out_bad_requests
from api.middleware import install
from api.responses import health, refuse_in_app, respond
from api.runner_client import RunnerClient, connect
from api.schemas import SegmentedRequest, SimpleRequest
from api.security import report
from api.synthesis import Synthesis
from api.voice_routes import VoiceRoutes
from api.voice_routes import router as voice_router
from api.voice_store import VoiceStore
from api.voices import VoiceLibrary
from image import image
from runners.errors import SpeechError
from runners.logs import log_as_bentoml_does
from runners.xtts_runner import XTTSRunner

CONFIG = ServerConfig.from_env()
os.environ["FORWARDED_ALLOW_IPS"] = ",".join(CONFIG.trusted_proxies)  # uvicorn reads it once this is loaded
AudioFile = Annotated[bytes, ContentType("audio/*")]

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
app.add_exception_handler(SpeechError, refuse_in_app)
app.include_router(voice_router)


@bentoml.asgi_app(app)
@bentoml.service(name="XTTS", image=image(), traffic={"timeout": CONFIG.timeout + 60})
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
        app.state.voices = VoiceRoutes(voices, store, self.client)
        refuse_connections_on_sigterm()

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

    async def __is_ready__(self) -> bool:
        """What `/readyz` asks."""
        return await self.client.ready()


install(XTTS, CONFIG)
