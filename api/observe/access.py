"""The outermost middleware: gives each request its id, sees its answer to the end, then logs and counts it once.

A stream's end is its last byte, a WebSocket's its closing, either's its client's leaving. No line and no label holds a
text, a raw path or a query.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ClientGone, error_type
from api.observe.metrics import OK, ServiceMetrics
from api.observe.record import Record, start_record
from api.paths import METRICS, PROBES
from runners.request_id import HEADER, id_for, request_id

log = logging.getLogger(__name__)

WEBSOCKET: Final = "WEBSOCKET"  # stands for a method
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", WEBSOCKET})
HEADS: Final = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
BODIES: Final = frozenset({"http.response.body", "websocket.http.response.body"})
LEFT_IN_ORDER: Final = frozenset({1000, 1001})  # RFC 6455's codes
OTHER: Final = "other"  # a path or a method that there is not
QUIET: Final = PROBES | {METRICS}  # asked every few seconds, by machines


class Access:
    def __init__(self, app: ASGIApp, metrics: ServiceMetrics | None = None) -> None:
        self.app = app
        self._metrics = metrics or ServiceMetrics()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        named = id_for(Headers(scope=scope).get(HEADER, ""))
        request_id.set(named)
        exchange = Exchange(scope, start_record(), self._metrics)

        async def receive_seen() -> Message:
            message = await receive()
            exchange.received(message)
            return message

        async def send_seen(message: Message) -> None:
            if message["type"] in HEADS:
                exchange.status = message.get("status", 101)
                MutableHeaders(scope=message)[HEADER] = named
            await send(message)
            exchange.sent(message)

        with self._metrics.in_progress.track_inprogress():
            try:
                await self.app(scope, receive_seen, send_seen)
            finally:
                exchange.end(whole=False)


class Exchange:
    """One request and what was answered."""

    def __init__(self, scope: Scope, record: Record, metrics: ServiceMetrics) -> None:
        self._scope = scope
        self._record = record
        self._metrics = metrics
        method = scope.get("method", WEBSOCKET)
        self._method = method if method in METHODS else OTHER
        self._route = template_of(scope["app"].routes, scope) or OTHER  # now: on its way the scope will change
        self._over = False
        self.status = 0
        self.bytes = 0
        self._gone = False

    def received(self, message: Message) -> None:
        if message["type"] == "websocket.disconnect" and message.get("code") in LEFT_IN_ORDER:
            self.end(whole=True)
        self._gone = self._gone or message["type"] in ("http.disconnect", "websocket.disconnect")

    def sent(self, message: Message) -> None:
        self.bytes += len(message.get("body") or message.get("bytes") or (message.get("text") or "").encode())
        if message["type"] == "websocket.close" or (message["type"] in BODIES and not message.get("more_body", False)):
            self.end(whole=True)

    def end(self, *, whole: bool) -> None:
        """`whole`: its last byte was sent. Only the first call counts."""
        if self._over:
            return
        self._over = True
        seconds = time.perf_counter() - self._record.began
        outcome = self._outcome(whole)
        self._metrics.over(self._method, self._route, outcome, seconds)
        level = logging.DEBUG if self._route in QUIET else logging.INFO
        log.log(level, "%s %s", self._method, self._route, extra={"fields": self._fields(outcome, seconds)})

    def _outcome(self, whole: bool) -> str:
        if self._record.error:
            return self._record.error
        if not whole:
            return ClientGone.type if self._gone else error_type(500)
        return OK if self.status < 400 else error_type(self.status)

    def _fields(self, outcome: str, seconds: float) -> dict[str, Any]:
        record = self._record
        fields = {
            "status": self.status or None,
            "outcome": outcome,
            "seconds": round(seconds, 4),
            "bytes": self.bytes,
            "caller": record.caller or getattr(self._scope.get("user"), "display_name", ""),
            "client": (self._scope.get("client") or ("",))[0],
            "characters": record.characters,
            "language": ",".join(record.languages),
            "voice": ",".join(record.voices),
            "first_audio_seconds": record.first_audio_seconds and round(record.first_audio_seconds, 4),
            "audio_seconds": round(record.audio_seconds, 3),
        }
        return {name: value for name, value in fields.items() if value or name == "bytes"}


def template_of(routes: Sequence[BaseRoute], scope: Scope) -> str | None:
    """The path of the route that will serve the request, with its parameters' names in the place of values."""
    matches = [(route, *route.matches(scope)) for route in iter_route_contexts(routes)]
    for wanted in (Match.FULL, Match.PARTIAL):  # as Starlette's router does; partial: by another method
        for route, match, child in matches:
            if match is wanted:
                return _template(route, {**scope, **child})
    return None


def _template(route: RouteContext, scope: Scope) -> str | None:
    mounted = getattr(route, "routes", None)
    if not mounted:  # an endpoint, or files
        return route.path
    inner = template_of(mounted, scope)
    return None if inner is None else f"{route.path}{inner}"
