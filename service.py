"""The public BentoML service: text in, speech out. Routes only; the work is in `api/` and, behind it, `runners/`."""

from typing import Annotated, Any, cast

import bentoml
from bentoml.validators import ContentType
from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from api.config import ServerConfig
from api.docs import PAGE
from api.errors import ErrorBodies
from api.forms import FormBodies
from api.language import LanguageDetector
from api.limits import BodyLimit
from api.logs import leave_out_bad_requests
from api.responses import health, respond
from api.runner_client import RunnerClient, connect
from api.schemas import SegmentedRequest, SimpleRequest
from api.synthesis import Synthesis
from api.voices import VoiceLibrary
from runners.logs import log_as_bentoml_does
from runners.xtts_runner import XTTSRunner

CONFIG = ServerConfig.from_env()
AudioFile = Annotated[bytes, ContentType("audio/*")]

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@bentoml.asgi_app(app)
@bentoml.service(name="XTTS", traffic={"timeout": CONFIG.timeout + 60})
class XTTS:
    """Text to speech in your own voice."""

    runner = bentoml.depends(XTTSRunner)

    def __init__(self) -> None:
        log_as_bentoml_does("api")
        leave_out_bad_requests()
        voices = VoiceLibrary(CONFIG.voices_dir)
        voices.report()
        self.client = RunnerClient(connect(self.runner.to_async.url))
        self.synthesis = Synthesis(CONFIG, self.client, voices, LanguageDetector())

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


_service = cast(Any, XTTS)
_service.add_asgi_middleware(ErrorBodies)
_service.add_asgi_middleware(BodyLimit, limit=CONFIG.max_body)
_service.add_asgi_middleware(FormBodies, path="/generate/")
