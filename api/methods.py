"""HEAD where there is a GET, and OPTIONS everywhere: which methods a path has. (A preflight is api/auth/cors.py's.)"""

from collections.abc import Iterator, Sequence

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASKED = ("DELETE", "GET", "HEAD", "POST", "PUT")


class Methods:
    """`other`: the app that BentoML's mounts."""

    def __init__(self, app: ASGIApp, other: Starlette) -> None:
        self.app = app
        self.other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        mounted = set(_methods(scope, self.other.routes))
        there = mounted.union(_methods(scope, scope["app"].routes))
        if scope["method"] == "HEAD" and "HEAD" not in mounted and "GET" in there:
            await self.app({**scope, "method": "GET"}, receive, _without_body(send))
        elif scope["method"] == "OPTIONS" and there:
            allowed = {*there, "OPTIONS"} | ({"HEAD"} if "GET" in there else set())
            await Response(status_code=204, headers={"Allow": ", ".join(sorted(allowed))})(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _methods(scope: Scope, routes: Sequence[BaseRoute]) -> Iterator[str]:
    for method in ASKED:
        asked = {**scope, "method": method}
        if any(each.matches(asked)[0] is Match.FULL for each in routes if not isinstance(each, Mount)):
            yield method


def _without_body(send: Send) -> Send:
    async def bare(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return bare
