"""Limits: how much a caller may have in a while. Knows no HTTP, and callers by their names only.

The counting is the `limits` library's, in fixed windows: a caller's begins with the first unit taken and ends so many
seconds later, so a refusal can say to the second when there is room again. What is refused is not counted.
"""

import time
from typing import Literal, cast
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

from api.errors import RateLimited, Standing
from runners.errors import InvalidInput

Unit = Literal["requests", "characters"]

MEMORY = "memory"
ROUNDING = 2.0  # seconds: a Redis gives what is left of a window in whole ones
STORE_TIMEOUT = 1.0  # seconds; a request waits no longer for a Redis that does not answer


def parse_limit(text: str) -> RateLimitItem:
    """`60/minute`, `5 per second`, `1000/2 hours`. Raises ValueError, which says what would be right."""
    try:
        limit = None if any(mark in text for mark in ",;|") else parse(text)  # those separate several limits
    except ValueError:
        limit = None
    if limit is None or limit.amount < 1:
        raise ValueError("one limit of at least 1, such as 60/minute or 1000/2 hours")
    return limit


def parse_store(text: str) -> str:
    """Raises ValueError, which says what would be right."""
    if text == MEMORY or _is_redis(text):
        return text
    raise ValueError("memory, or a URL such as redis://host:6379/0 (rediss:// with TLS)")


def open_store(url: str) -> Storage:
    """Where the counts are: in this process's memory, or in a Redis that replicas share."""
    if url == MEMORY:
        return cast(Storage, storage_from_string("async+memory://"))
    timeouts = {"socket_timeout": STORE_TIMEOUT, "socket_connect_timeout": STORE_TIMEOUT}
    return cast(
        Storage, storage_from_string(f"async+{url}", wrap_exceptions=True, implementation="redispy", **timeouts)
    )


class Limit:
    """So many units in a window, for each caller."""

    def __init__(self, unit: Unit, item: RateLimitItem, store: Storage) -> None:
        self._unit = unit
        self._item = item
        self._store = store
        self._counter = FixedWindowRateLimiter(store)

    async def take(self, caller: str, amount: int, param: str | None = None) -> Standing:
        """Raises RateLimited, and InvalidInput of `param` where no window would ever hold as much."""
        if amount > self._item.amount:
            raise InvalidInput(f"{amount} {self._unit} at once are too many: the limit is {self._rule}.", param=param)
        within = await self._counter.hit(self._item, self._unit, caller, cost=amount)
        standing = await self._standing(caller)
        if standing.ends - time.time() > self._item.get_expiry() + ROUNDING:  # the clock has been set back meanwhile
            await self._counter.clear(self._item, self._unit, caller)
            return await self.take(caller, amount, param)
        if within:
            return standing
        left = await self.refund(caller, amount, standing)
        raise RateLimited(f"The limit is {self._rule}; {left.remaining} are left for {left.seconds_left} s.", left)

    async def refund(self, caller: str, amount: int, taken: Standing) -> Standing:
        """Undo a take, unless its window is over: the next one owes nothing."""
        now = await self._standing(caller)
        if time.time() < taken.ends and abs(now.ends - taken.ends) < ROUNDING:
            await self._store.incr(self._item.key_for(self._unit, caller), self._item.get_expiry(), -amount)
            return await self._standing(caller)
        return now

    @property
    def _rule(self) -> str:
        multiples, window = self._item.multiples, self._item.GRANULARITY.name
        return f"{self._item.amount} {self._unit} per {window if multiples == 1 else f'{multiples} {window}s'}"

    async def _standing(self, caller: str) -> Standing:
        ends, remaining = await self._counter.get_window_stats(self._item, self._unit, caller)
        return Standing(self._item.amount, remaining, ends)


def _is_redis(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("redis", "rediss") and bool(url.hostname) and url.port != 0
    except ValueError:  # the port is no number
        return False
