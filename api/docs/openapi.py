"""The one OpenAPI document: the mounted app's own routes, BentoML's (described_routes.py), and what they share.

Whatever router is mounted is in it. What every route has in common (errors, headers, keys) is added here, and only
where the route does not have it already.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.config import ServerConfig
from api.described import COMMON, WITH_BODY, WITH_KEYS, ErrorBody, OpenAIErrorBody, response_of
from api.docs import described_routes
from api.paths import LISTS, OPENAI, is_open

TITLE: Final = "xtts-bento"
VERSION: Final = "1"  # of the routes: all of it is of this version
ABOUT: Final = "Text to speech in your own voice: XTTS as a BentoML service."
TAGS: Final = [{"name": name} for name in ("Speech", "Long jobs", "Voices", "OpenAI", "xtts-api-server", "Operation")]
SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
EITHER: Final[list[dict[str, Any]]] = [{"bearer": []}, {"key": []}]
HEADERS: Final = {
    "X-Request-ID": {"description": "The request's own, or a new one. The log knows it.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
}
FASTAPIS_OWN: Final = "HTTPValidationError"  # its 422, which no caller ever sees


def document(app: FastAPI, config: ServerConfig) -> dict[str, Any]:
    """The routes of a server that has no API keys show no lock."""
    keys = bool(config.api_keys)
    made = get_openapi(
        title=TITLE,
        version=VERSION,
        description=ABOUT,
        routes=[*described_routes.router.routes, *app.routes],
        tags=TAGS,
    )
    schemas = made["components"]["schemas"]
    for name in (FASTAPIS_OWN, "ValidationError"):
        schemas.pop(name, None)
    for body in (ErrorBody, OpenAIErrorBody):
        error = body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(error.pop("$defs"), **{body.__name__: error})
    made["components"] |= {"headers": HEADERS, **({"securitySchemes": SECURITY} if keys else {})}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            _complete(operation, path, keys)
            if keys and config.public_lists and path in LISTS and method == "get":
                operation["security"] = [{}, *EITHER]
    return made


def _complete(operation: dict[str, Any], path: str, keys: bool) -> None:
    responses = operation["responses"]
    body = OpenAIErrorBody if path.startswith(OPENAI) else ErrorBody
    if FASTAPIS_OWN in str(responses.get("422")):
        del responses["422"]
        status = 400 if path.startswith(OPENAI) else 422
        responses[str(status)] = response_of(status, body)
    if not is_open(path):
        if keys:
            operation["security"] = EITHER
        for status in (*(WITH_KEYS if keys else COMMON), *(WITH_BODY if "requestBody" in operation else ())):
            responses.setdefault(str(status), response_of(status, body))
    operation["responses"] = dict(sorted(responses.items()))
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        for name in ("X-Request-ID", *(("Retry-After",) if status in ("429", "503") else ())):
            headers[name] = {"$ref": f"#/components/headers/{name}"}
