"""What the request in hand takes of its caller's limits: itself, and the characters that are synthesized for it.

A request's account goes where the request goes, into the tasks it starts too; nobody has to pass it on.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar

from limits.errors import StorageError

from api.auth.rates import Limit, Unit
from api.errors import RateLimited, Standing

log = logging.getLogger(__name__)


class Account:
    """One request's dealings with its caller's limits. A store that cannot be reached limits nothing."""

    def __init__(self, caller: str, limits: Mapping[Unit, Limit]) -> None:
        self._caller = caller
        self._limits = limits
        self._standings: dict[Unit, Standing] = {}

    def of(self, caller: str) -> None:
        """Who it is, where that was not known from the start."""
        self._caller = caller

    async def take(self, unit: Unit, amount: int, param: str | None = None) -> Standing | None:
        """What a refund needs; None where nothing is limited. Raises RateLimited and InvalidInput."""
        if unit not in self._limits:
            return None
        try:
            self._standings[unit] = await self._limits[unit].take(self._caller, amount, param)
        except RateLimited as refusal:
            self._standings = {unit: refusal.standing}
            raise
        except StorageError as error:
            _log(error)
            return None
        return self._standings[unit]

    async def refund(self, unit: Unit, amount: int, taken: Standing | None) -> None:
        if taken is not None:
            try:
                self._standings[unit] = await self._limits[unit].refund(self._caller, amount, taken)
            except StorageError as error:
                _log(error)

    @property
    def standing(self) -> Standing | None:
        """The limit that refused; else, of those that something was taken from, the one nearest its end."""
        return min(self._standings.values(), key=lambda each: each.remaining / each.limit, default=None)


account: ContextVar[Account] = ContextVar("account", default=Account("nobody", {}))  # noqa: B039  (it never changes)


@asynccontextmanager
async def charged(characters: int, param: str) -> AsyncIterator[None]:
    """Takes the characters that are synthesized inside off the caller's limit, and refunds them where that fails.

    `param` is the request's field that holds the text.

    Every synthesis passes here. A caller that leaves or runs out of time (CancelledError) pays: its work was
    done.

    Raises:
        RateLimited: the limit is reached.
        InvalidInput: it never could be enough.
    """
    mine = account.get()
    taken = await mine.take("characters", characters, param)
    try:
        yield
    except Exception:  # whatever it was, nothing was synthesized
        await mine.refund("characters", characters, taken)
        raise


def _log(error: StorageError) -> None:
    log.warning("The store of the rate limits does not answer, so nothing is limited: %s", error)
