"""What service.py has put into the state of the mounted app, for its routes."""

from typing import Any

from fastapi import Depends, Request


def here(name: str) -> Any:
    """A dependency: what the state holds under this name."""

    def of_this_server(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(of_this_server)
