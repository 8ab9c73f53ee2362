"""Serves the studio's files. They need no build, load nothing from elsewhere and name all others by relative URLs, so
that a proxy may put them behind any prefix.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.pages import headers_allowing, page_of

HEADERS: Final = {
    **headers_allowing(
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src blob:",  # recordings, before they are sent
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-cache",  # asked for again by its ETag, which costs no body
}
STATIC: Final = Path(__file__).parent / "static"
FILES: Final = StaticFiles(directory=STATIC)

router = APIRouter(include_in_schema=False)


@router.get("/")
def page(request: Request) -> Response:
    return page_of((STATIC / "index.html").read_text(encoding="utf-8"), request, HEADERS)


@router.get("/studio/{name}")
async def file(name: str, request: Request) -> Response:
    response = await FILES.get_response(name, request.scope)
    response.headers.update(HEADERS)
    return response


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    return await file("icon.svg", request)
