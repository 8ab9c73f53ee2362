"""What every request passes on its way to a route, BentoML's own routes and the mounted ones alike."""

from typing import Any

from starlette.middleware.authentication import AuthenticationMiddleware

from api.access import Access
from api.config import ServerConfig
from api.cors import CrossOrigin
from api.errors import ErrorBodies
from api.forms import FormBodies
from api.limits import BodyLimit
from api.security import Callers, RateLimits, refuse
from api.voice_form import LARGEST_UPLOAD


def install(service: Any, config: ServerConfig) -> None:
    """Adds the middlewares to a BentoML service, the outermost first."""
    add = service.add_asgi_middleware
    add(Access)
    if config.cors_origins:
        add(CrossOrigin, origins=config.cors_origins)
    add(ErrorBodies)
    add(AuthenticationMiddleware, backend=Callers(config.api_keys, config.open_metrics), on_error=refuse)
    add(RateLimits, requests=config.rate_limit, characters=config.character_limit, store=config.rate_limit_store)
    add(BodyLimit, limit=config.max_body, uploads={"/voices": LARGEST_UPLOAD})
    add(FormBodies, path="/generate/")
