"""The documentation page: Swagger UI over the one document, all of it from this server.

BentoML has such a page and a document too. The page loads a third party's tracking, and the document knows neither
our errors nor all of our fields.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.docs.openapi import document
from api.language import AUTO
from api.pages import BASE, headers_allowing, page_of
from api.paths import prefix_of
from runners.errors import ModelLoading

SCRIPT: Final = 'SwaggerUIBundle({url: "./docs.json", dom_id: "#swagger-ui", validatorUrl: null})'
PAGE: Final = f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>xtts-bento: API</title>
  {BASE}
  <link rel="icon" href="./studio/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="./static_content/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="./static_content/swagger-ui-bundle.js"></script>
  <script>{SCRIPT}</script>
</body>
</html>
"""

HASH: Final = base64.b64encode(sha256(SCRIPT.encode()).digest()).decode()
HEADERS: Final = headers_allowing(
    f"script-src 'self' 'sha256-{HASH}'",
    "style-src 'self'",
    "img-src 'self' data:",  # the style sheet's arrows
    "connect-src 'self'",
    "media-src blob:",  # answers
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def page(request: Request) -> HTMLResponse:
    return page_of(PAGE, request, HEADERS)


@router.get("/docs.json")
async def docs(request: Request) -> dict[str, Any]:
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = document(app, app.state.config)
    with suppress(ModelLoading):
        _name_languages(app.openapi_schema, (await app.state.runner.model()).languages)
    prefix = prefix_of(request.scope)
    return {**app.openapi_schema, "servers": [{"url": prefix}]} if prefix else app.openapi_schema


def _name_languages(schema: dict[str, Any], languages: Sequence[str]) -> None:
    """The model's, wherever a body has a language: a fine-tuned one has others than upstream's."""
    for body in schema["components"]["schemas"].values():
        if language := body.get("properties", {}).get("language"):
            language["examples"] = [*languages, AUTO]
