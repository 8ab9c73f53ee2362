"""Who asks, and whether they may: middlewares over all routes, BentoML's own and the mounted ones alike.

A caller is the holder of an API key or, where no keys are set, an address.
"""

import logging
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.account import Account, account
from api.auth.keys import ApiKey, recognise
from api.auth.links import holder
from api.auth.rates import Limit, Unit, open_store
from api.error_responses import answer
from api.errors import RateLimited, Unauthorized
from api.paths import LISTS, LIVE, METRICS, PLAYBACK, is_open

log = logging.getLogger(__name__)

NO_KEY = "A key is needed: send `Authorization: Bearer KEY` or `X-API-Key: KEY`."
WRONG_KEY = "There is no such key."


class KeyBackend(AuthenticationBackend):
    """Sets `scope["user"]`, whose `display_name` is the caller's public identity. Open paths have no caller."""

    def __init__(self, keys: Sequence[ApiKey], open_metrics: bool = False, public_lists: bool = False) -> None:
        """`public_lists`: who sends no key may read api.paths.LISTS, and is known by the address."""
        self._keys = keys
        self._open_metrics = open_metrics
        self._public_lists = public_lists

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        if is_open(conn.scope["path"]) or (self._open_metrics and conn.scope["path"] == METRICS):
            return None
        if (
            self._keys
            and conn.scope["type"] == "websocket"
            and LIVE.fullmatch(conn.scope["path"])
            and not _presented(conn)
        ):
            return None  # it may be in the first message, where browsers can put it
        name = self._holder(conn) if self._keys else address_of(conn)
        return AuthCredentials(), SimpleUser(name)

    def _holder(self, conn: HTTPConnection) -> str:
        presented = _presented(conn)
        if not presented:
            reads = conn.scope.get("method") in ("GET", "HEAD", "OPTIONS")
            if self._public_lists and reads and conn.scope["path"] in LISTS:
                return address_of(conn)
            if reads and conn.scope["path"] == PLAYBACK and (by := holder(conn.url.query, self._keys)):
                return by
            raise AuthenticationError(NO_KEY)
        key = recognise(self._keys, presented.encode("latin-1"))  # which is how headers are decoded
        if key is None:
            raise AuthenticationError(WRONG_KEY)
        return key.name


class RateLimits:
    """Counts each caller's requests, and says on every answer how its limits stand. Characters: account.py."""

    def __init__(
        self, app: ASGIApp, requests: RateLimitItem | None, characters: RateLimitItem | None, store: str
    ) -> None:
        self.app = app
        rules: dict[Unit, RateLimitItem | None] = {"requests": requests, "characters": characters}
        counts = open_store(store)
        self._limits = {unit: Limit(unit, rule, counts) for unit, rule in rules.items() if rule}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            account.set(Account(scope["user"].display_name, self._limits))  # its own session takes of it
        if scope["type"] != "http" or not scope["user"].is_authenticated:
            return await self.app(scope, receive, send)
        mine = Account(scope["user"].display_name, self._limits)
        account.set(mine)

        async def send_with_standing(message: Message) -> None:
            if message["type"] == "http.response.start" and (standing := mine.standing):
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Limit"] = str(standing.limit)
                headers["RateLimit-Remaining"] = str(standing.remaining)
                headers["RateLimit-Reset"] = str(standing.seconds_left)
            await send(message)

        try:
            await mine.take("requests", 1)
        except RateLimited as refusal:
            return await answer(refusal)(scope, receive, send_with_standing)
        await self.app(scope, receive, send_with_standing)


def refuse_caller(conn: HTTPConnection, error: Exception) -> Response:
    """The answer of AuthenticationMiddleware where `KeyBackend` raises AuthenticationError."""
    return answer(Unauthorized(str(error)))


def address_of(conn: HTTPConnection) -> str:
    """Of an IPv6 address the /64, which is one customer's. Behind a proxy: see XTTS_TRUSTED_PROXIES."""
    if conn.client is None:
        return "local"  # by way of a Unix socket
    try:
        address = ip_address(conn.client.host)
    except ValueError:
        return conn.client.host  # what a trusted proxy calls it
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((int(address), 64), strict=False))
    return str(address)


def parse_proxies(text: str) -> tuple[str, ...]:
    """Addresses and networks, separated by commas. Raises ValueError, which says what would be right."""
    try:
        return tuple(str(ip_network(item.strip())) for item in text.split(",") if item.strip())
    except ValueError:
        raise ValueError("addresses or networks, separated by commas, such as 10.0.0.0/8, 192.0.2.7") from None


def report(keys: Sequence[ApiKey]) -> None:
    """Tell the log at start-up who may use the server."""
    if keys:
        log.info("Requests need one of %d API keys", len(keys))
    else:
        log.warning("The server is open to all who can reach it: XTTS_API_KEYS holds no keys")


def _presented(conn: HTTPConnection) -> str:
    for name in ("x-api-key", "xi-api-key"):  # the second is what ElevenLabs' clients send
        if key := conn.headers.get(name):
            return key
    scheme, _, credentials = conn.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
