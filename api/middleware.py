"""What every request passes on its way to a route, BentoML's own routes and the mounted ones alike."""

from typing import Any

from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.types import ASGIApp

from api.auth.cors import CrossOrigin
from api.auth.security import KeyBackend, RateLimits, refuse_caller
from api.bodies import Bodies
from api.config import ServerConfig
from api.error_bodies import ErrorBodies
from api.limits import BodyLimit
from api.methods import Methods
from api.observe.access import Access
from api.paths import CanonicalPaths
from api.voices.form import LARGEST_CLIP, LARGEST_UPLOAD
from bentoml_patches.routes import RouteOverride


def install(service: Any, config: ServerConfig, app: ASGIApp) -> None:
    """Adds the middlewares to a BentoML service, the outermost first. `app`: what is mounted in it."""
    add = service.add_asgi_middleware
    keys = KeyBackend(config.api_keys, config.open_metrics, config.public_lists)
    add(CanonicalPaths, root_path=config.root_path)
    add(Access)
    if config.cors_origins:
        add(CrossOrigin, origins=config.cors_origins)
    add(ErrorBodies)
    add(AuthenticationMiddleware, backend=keys, on_error=refuse_caller)
    add(RateLimits, requests=config.rate_limit, characters=config.character_limit, store=config.rate_limit_store)
    uploads = dict.fromkeys(("/voices", "/v1/audio/voices"), LARGEST_UPLOAD) | {"/voices/judge": LARGEST_CLIP}
    long = dict.fromkeys(("/generate/long", "/generate/long/submit"), config.max_job_body)
    add(BodyLimit, limit=config.max_body, uploads=uploads, larger=long)
    add(Methods, other=app)
    add(Bodies, uploads=uploads, speech="/generate/", long="/generate/long")
    add(RouteOverride, other=app, path="/generate/long/")
