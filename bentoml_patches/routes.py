"""How BentoML finds routes: the mounted app's before its own where the paths are the same, and no redirects."""

from starlette.types import ASGIApp, Receive, Scope, Send


class RouteOverride:
    """Passes what is under `path` to `other`, and the rest on: BentoML's routes would come before those of its app.

    A slash too many is a 404: Starlette would redirect it to the address in the request's Host header.
    """

    def __init__(self, app: ASGIApp, other: ASGIApp, path: str) -> None:
        self.app = app
        self.other = other
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "app" in scope:
            scope["app"].router.redirect_slashes = False
        ahead = scope["type"] == "http" and scope["path"].startswith(self.path)
        await (self.other if ahead else self.app)(scope, receive, send)
