"""The documentation page: Swagger UI over the one document, all of it from this server.

BentoML has such a page and a document too. The page loads a third party's tracking, and the document knows neither
our errors nor all of our fields.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.docs.openapi import document
from api.language import AUTO
from runners.errors import ModelLoading

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>xtts-bento</title>
  <link rel="stylesheet" href="./static_content/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="./static_content/swagger-ui-bundle.js"></script>
  <script>SwaggerUIBundle({url: "./docs.json", dom_id: "#swagger-ui", validatorUrl: null})</script>
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


@router.get("/docs.json")
async def docs(request: Request) -> dict[str, Any]:
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = document(app, app.state.config)
    with suppress(ModelLoading):
        _name_languages(app.openapi_schema, (await app.state.runner.model()).languages)
    return app.openapi_schema


def _name_languages(schema: dict[str, Any], languages: Sequence[str]) -> None:
    """The model's, wherever a body has a language: a fine-tuned one has others than upstream's."""
    for body in schema["components"]["schemas"].values():
        if language := body.get("properties", {}).get("language"):
            language["examples"] = [*languages, AUTO]
