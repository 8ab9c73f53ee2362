"""Which other sites' pages may call this server from a browser. The protocol is Starlette's; the choices are here."""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from api.described import AUDIO_HEADERS, SEGMENTS
from api.error_responses import answer
from runners.errors import InvalidInput

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#*,]+")  # as browsers send it: no path, no slash at the end
METHODS = ("DELETE", "GET", "HEAD", "POST", "PUT")
LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
EXPOSED = (*AUDIO_HEADERS, *SEGMENTS, "X-Request-ID", "Retry-After", *LIMITS)  # what scripts may read, beside the body


class CrossOrigin(CORSMiddleware):
    """For `origins`, or for every site where that is `*`: then without credentials (cookies, client certificates).

    API keys travel in headers and are no credentials in this sense.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_credentials="*" not in origins,
            allow_methods=METHODS,
            allow_headers=["*"],  # client libraries send many of their own
            expose_headers=EXPOSED,
            allow_private_network=True,  # who names an origin means it, wherever the server stands
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Starlette's; a refusal gets our body."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        refusal = answer(InvalidInput(bytes(response.body).decode()))
        refusal.status_code = response.status_code
        refusal.headers.update({name: value for name, value in response.headers.items() if "content-" not in name})
        return refusal


def parse_origins(text: str) -> tuple[str, ...]:
    """Origins separated by commas, or `*`. Raises ValueError, which says what would be right."""
    origins = tuple(origin.strip().lower() for origin in text.split(",") if origin.strip())
    if origins != ("*",) and not all(map(ORIGIN.fullmatch, origins)):
        raise ValueError("*, or origins separated by commas, such as https://app.example.com, without a path or slash")
    return origins
