"""BentoML's time-out, but with a timer that ends when the request does."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Timeout:
    """Answers 504 where the answer has not begun after `timeout` seconds, and cancels what works on it."""

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        self.app = app
        self.timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_in_time(message: Message) -> None:
            if not deadline.expired():
                deadline.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self.timeout) as deadline:
                await self.app(scope, receive, send_in_time)
        except TimeoutError:
            if not deadline.expired():
                raise
            error = {"type": "deadline_exceeded", "message": f"Not done within {self.timeout:g} s.", "param": None}
            await JSONResponse({"error": error}, 504)(scope, receive, send)
