"""Routes of the mounted app before BentoML's own of the same paths."""

from starlette.types import ASGIApp, Receive, Scope, Send


class RouteOverride:
    """Passes what is under `path` to `other`, and the rest on: BentoML's routes would come before those of its app."""

    def __init__(self, app: ASGIApp, other: ASGIApp, path: str) -> None:
        self.app = app
        self.other = other
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ahead = scope["type"] == "http" and scope["path"].startswith(self.path)
        await (self.other if ahead else self.app)(scope, receive, send)
