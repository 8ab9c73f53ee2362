"""The documentation page: Swagger UI over the one document, all of it from this server.

BentoML has such a page and a document too. The page loads a third party's tracking, and the document knows neither
our errors nor all of our fields.
"""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.docs.openapi import document

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
def docs(request: Request) -> dict[str, Any]:
    app = request.app
    if app.openapi_schema is None:
        app.openapi_schema = document(app, keys=app.state.keys)
    return app.openapi_schema
