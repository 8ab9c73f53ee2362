"""The public BentoML service: text in, speech out. Routes only; the work is in `api/` and, behind it, `runners/`."""

import os
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from api.auth.security import report
from api.compatible.latents import LatentsHolder
from api.compatible.xtts_api_server import XttsApiServer
from api.compatible.xtts_api_server import router as xtts_api_server_router
from api.compatible.xtts_streaming_server import router as xtts_streaming_server_router
from api.compatible.xtts_vllm import router as xtts_vllm_router
from api.config import ServerConfig
from api.delivery import comes_whole
from api.docs.page import router as docs_router
from api.jobs.jobs import Jobs
from api.jobs.routes import router as job_router
from api.jobs.routes import whole as whole_job
from api.jobs.schemas import LongRequest
from api.language import LanguageDetector
from api.live.routes import router as live_router
from api.middleware import install
from api.normalize import router as normalize_router
from api.observe.metrics import router as metrics_router
from api.openai.routes import OpenAIRoutes
from api.openai.routes import router as openai_router
from api.plan import Planner
from api.playback import router as playback_router
from api.responses import health, refuse_in_app, refuse_invalid, respond
from api.runner_client import RunnerClient
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest
from api.studio.page import router as studio_router
from api.synthesis import Synthesis
from api.voices.library import voices_of
from api.voices.routes import VoiceRoutes
from api.voices.routes import router as voice_router
from api.voices.store import VoiceStore
from bentoml_patches.draining import refuse_connections_on_sigterm
from bentoml_patches.install import install as patch_bentoml
from bentoml_patches.logs import log_as_bentoml_does, write_as
from bentoml_patches.proxy import connect
from image import image
from runners.errors import SpeechError
from runners.xtts_runner import ENVIRONMENT, LINES, XTTSRunner, look_for_devices, look_for_source

CLIENT_VARIABLES = ("XTTS_API_KEY",)  # of `make batch`, which starts servers too

patch_bentoml()
CONFIG = ServerConfig.read(ENVIRONMENT)
ENVIRONMENT.check_names("XTTS_", CLIENT_VARIABLES)
ENVIRONMENT.check(look_for_source, look_for_devices)  # all that is wrong, of both sides
os.environ["FORWARDED_ALLOW_IPS"] = ",".join(CONFIG.trusted_proxies)  # uvicorn reads it once this is loaded
AudioFile = Annotated[bytes, ContentType("audio/*")]
ZipFile = Annotated[bytes, ContentType("application/zip")]

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)  # to any host that was named
app.add_exception_handler(SpeechError, refuse_in_app)
app.add_exception_handler(RequestValidationError, refuse_invalid)
COMPATIBLE = (xtts_api_server_router, xtts_streaming_server_router, xtts_vllm_router) if CONFIG.compatible else ()
for each in (job_router, voice_router, openai_router, playback_router, live_router, *COMPATIBLE):
    app.include_router(each)
for each in (normalize_router, metrics_router, docs_router, studio_router):
    app.include_router(each)


@bentoml.asgi_app(app)
@bentoml.service(
    name="XTTS",
    image=image(),
    traffic={"timeout": CONFIG.timeout + 60},
    metrics={"enabled": False},  # theirs count by path, and so without bounds; ours: api/observe/metrics.py
    logging={"access": {"enabled": False}},  # ours: api/observe/access.py
)
class XTTS:
    """Text to speech in your own voice."""

    runner = bentoml.depends(XTTSRunner)

    def __init__(self) -> None:
        write_as(LINES)
        log_as_bentoml_does("api", "bentoml_patches")
        VoiceStore(CONFIG.visitors_dir).sweep()
        store, voices = voices_of(CONFIG)
        report(CONFIG.api_keys)
        runner = self.runner.to_async.url
        self.client = app.state.runner = RunnerClient(connect(runner))
        planner = app.state.planner = Planner(CONFIG, self.client, voices, LanguageDetector())
        self.synthesis = app.state.synthesis = Synthesis(planner, self.client, CONFIG.timeout)
        self.jobs = app.state.jobs = Jobs(CONFIG, planner, self.client, RunnerClient(connect(runner)))
        app.state.config = CONFIG
        app.state.openai = OpenAIRoutes(CONFIG, self.synthesis, self.client, voices)
        app.state.xtts_api_server = XttsApiServer(self.synthesis, self.client, voices)
        app.state.latents = LatentsHolder(self.synthesis, self.client, voices, planner.visitors)
        app.state.voices = VoiceRoutes(voices, store, self.client, planner.visitors.intake)
        app.state.ending = refuse_connections_on_sigterm()

    @bentoml.api(route="/generate/simple", input_spec=SimpleRequest)
    async def simple(self, ctx: bentoml.Context, **body: Any) -> AudioFile:
        """Synthesize one text. Returns an audio file; `X-Seed`, `X-Audio-Duration` and `X-Sample-Rate` describe it."""
        return await respond(ctx, self.synthesis.whole(SimpleRequest(**body)))  # type: ignore[return-value]

    @bentoml.api(route="/generate/segmented", input_spec=SegmentedRequest)
    async def segmented(self, ctx: bentoml.Context, **body: Any) -> AudioFile:
        """Synthesize several texts in a row with exact pauses. `X-Segments` holds `[start, end]` seconds of each."""
        return await respond(ctx, self.synthesis.whole(SegmentedRequest(**body)))  # type: ignore[return-value]

    @bentoml.api(route="/generate/stream", input_spec=StreamRequest)
    async def stream(self, ctx: bentoml.Context, **body: Any) -> AudioFile:
        """Synthesize one text or several, and send the audio as it is made. Takes the body of either route."""
        asked = StreamRequest(**body).as_one()
        answer = self.synthesis.whole if comes_whole(ctx.request, asked) else self.synthesis.live
        return await respond(ctx, answer(asked))  # type: ignore[return-value]

    @bentoml.task(route="/generate/long", input_spec=LongRequest)
    async def long(self, ctx: bentoml.Context, **body: Any) -> ZipFile:
        """Synthesize up to 10,000 samples where the server is idle. Returns a zip of files and `manifest.json`."""
        return await respond(ctx, whole_job(self.jobs, LongRequest(**body), ctx.request))  # type: ignore[return-value]

    @bentoml.on_startup
    async def start(self) -> None:
        self.jobs.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        await self.jobs.stop()

    @app.head("/health", include_in_schema=False)
    @app.get("/health", include_in_schema=False)
    async def health(self) -> Response:
        """200 once the model is loaded, 503 and `"loading"` until then."""
        return await health(self.client)

    async def __is_ready__(self) -> bool:
        """What `/readyz` asks."""
        return await self.client.ready()


XTTS.apis["stream"].is_stream = True  # type: ignore[attr-defined]  # so its clients hand out the chunks as they come
install(XTTS, CONFIG, app)
