"""What is wrong with a query's parameter or a header is explained as what is wrong with a body is."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic_core import ErrorDetails
from starlette.requests import Request

from api.wording import explained

OUTSIDE: Final = ("query", "header", "path")
_SCHEMAS: Final[dict[Callable[..., Any], dict[str, Any]]] = {}  # by a route's function


def explained_parameters(faults: Sequence[ErrorDetails], request: Request) -> list[ErrorDetails]:
    """The faults that FastAPI found, those outside the body in the words of api/wording.py."""
    return [
        {**fault, "msg": explained({**fault, "loc": fault["loc"][1:]}, _schema(request.scope["route"]))}
        if fault["loc"][0] in OUTSIDE
        else fault
        for fault in faults
    ]


def _schema(route: APIRoute) -> dict[str, Any]:
    """Of an object whose properties are the route's parameters. Made once: it takes up to 50 ms."""
    if route.endpoint not in _SCHEMAS:
        paths = get_openapi(title="", version="", routes=[route])["paths"].values()
        parameters = [each for path in paths for method in path.values() for each in method.get("parameters", ())]
        _SCHEMAS[route.endpoint] = {"properties": {each["name"]: each["schema"] for each in parameters}}
    return _SCHEMAS[route.endpoint]
