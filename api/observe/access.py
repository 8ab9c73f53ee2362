"""The outermost middleware: gives each request its id, sees its answer to the end, then logs and counts it once.

A stream's end is its last byte, or its client's leaving. No line and no label holds a text, a raw path or a query.
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

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER: Final = "other"  # a path or a method that there is not
QUIET: Final = PROBES | {METRICS}  # asked every few seconds, by machines


class Access:
    def __init__(self, app: ASGIApp, metrics: ServiceMetrics | None = None) -> None:
        self.app = app
        self._metrics = metrics or ServiceMetrics()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        named = id_for(Headers(scope=scope).get(HEADER, ""))
        request_id.set(named)
        exchange = Exchange(scope, start_record(), self._metrics)

        async def receive_seen() -> Message:
            message = await receive()
            exchange.gone = exchange.gone or message["type"] == "http.disconnect"
            return message

        async def send_seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = named
            await send(message)
            exchange.bytes += len(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                exchange.end(whole=True)

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
        self._method = scope["method"] if scope["method"] in METHODS else OTHER
        self._route = template_of(scope["app"].routes, scope) or OTHER  # now: on its way the scope will change
        self._over = False
        self.status = 0
        self.bytes = 0
        self.gone = False

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
            return ClientGone.type if self.gone else error_type(500)
        return OK if self.status < 400 else error_type(self.status)

    def _fields(self, outcome: str, seconds: float) -> dict[str, Any]:
        record = self._record
        fields = {
            "status": self.status or None,
            "outcome": outcome,
            "seconds": round(seconds, 4),
            "bytes": self.bytes,
            "caller": getattr(self._scope.get("user"), "display_name", ""),
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
