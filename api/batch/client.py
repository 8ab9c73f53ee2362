"""The server as a batch sees it: is it ready, and one sample's speech. Owns waiting, retrying and giving up.

ServerUnreachableError   nobody answers, or not for us: the whole batch stops
SampleError              see answer.py: one sample failed, the others go on
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from api.batch.answer import Failure, SampleError, Speech, read_answer
from api.batch.file import Sample

_BUSY = frozenset({429, 502, 503})  # come back later; 502 is what proxies say while a server restarts
_SLOWEST_PACE = 10.0  # seconds between two tries, unless the server asks for more
_NOTE_EVERY = 10.0  # seconds between two words on a server that is not ready


class ServerUnreachableError(Exception):
    """The message says which server, what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to try."""

    answer: float = 600.0  # for one answer
    loading: float = 900.0  # until the model is there
    busy_tries: int = 30  # of one sample, while the server says it is busy
    broken_tries: int = 4  # of one sample, while connections fail
    pause: float = 0.5  # after the first failed try; doubles with each
    longest_pause: float = 120.0  # where the server asks for more than this, the sample fails


class SpeechClient:
    """Speaks to one server through `http`, whose base URL and headers say where and as whom."""

    def __init__(self, http: httpx.AsyncClient, patience: Patience) -> None:
        self.http = http
        self.patience = patience

    async def wait_until_ready(
        self, note: Callable[[str], None], is_starting: Callable[[], bool] = lambda: False
    ) -> None:
        """Returns once the model is loaded. While `is_starting`, nobody answering only means not yet.

        `note` gets a line now and then while waiting. Raises ServerUnreachableError.
        """
        began, noted, refused = time.monotonic(), -_NOTE_EVERY, 0
        while True:
            try:
                if await self._is_ready():
                    return
                state = "is loading its model"
            except httpx.RequestError as error:
                refused += 1
                state = "is starting" if is_starting() else "does not answer"
                if refused >= self.patience.broken_tries and not is_starting():
                    raise self._unreachable(f"does not answer ({_reason(error)}); is it running?") from None
            waited = time.monotonic() - began
            if waited > self.patience.loading:
                raise self._unreachable(f"{state} after {waited:.0f} s; --wait sets how long to wait")
            if waited >= noted + _NOTE_EVERY:
                note(f"{self.http.base_url} {state}, waiting ({waited:.0f} s)")
                noted = waited
            await asyncio.sleep(self.patience.pause)

    async def speak(self, sample: Sample) -> Speech:
        """Raises SampleError, or ServerUnreachableError where nobody answers any more, or not for us."""
        tried = 0
        while True:
            response = await self._post(sample)
            self._check_key(response)
            tried += 1
            pause = _retry_after(response) or self._pause(tried)
            too_long = tried >= self.patience.busy_tries or pause > self.patience.longest_pause
            if response.status_code not in _BUSY or too_long:
                return read_answer(response)
            await asyncio.sleep(pause)

    async def _post(self, sample: Sample) -> httpx.Response:
        """The answer, whatever it is. A broken connection is tried again: saying it twice does no harm."""
        tried = 0
        while True:
            try:
                async with asyncio.timeout(self.patience.answer):
                    return await self.http.post(sample.route, json=dict(sample.request))
            except TimeoutError:
                message = f"no answer within {self.patience.answer:g} s; --timeout sets how long to wait"
                raise SampleError(Failure("timeout", message)) from None
            except httpx.RequestError as error:
                tried += 1
                if tried >= self.patience.broken_tries:
                    raise await self._given_up(error) from None
            await asyncio.sleep(self._pause(tried))

    def _pause(self, tried: int) -> float:
        return min(self.patience.pause * 2.0 ** (tried - 1), _SLOWEST_PACE)

    async def _given_up(self, error: httpx.RequestError) -> Exception:
        """One sample's connections break: is it that sample, or is the server gone?"""
        try:
            await self._health()
        except httpx.RequestError:
            return self._unreachable(f"does not answer any more: {_reason(error)}")
        return SampleError(Failure("connection", f"the connection broke each time: {_reason(error)}"))

    async def _is_ready(self) -> bool:
        response = await self._health()
        if response.status_code in _BUSY:
            return False
        self._check_key(response)
        try:
            return response.raise_for_status().json()["model_loaded"] is True
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
            what = f"answers GET /health as no server of this kind would (HTTP {response.status_code})"
            raise self._unreachable(f"{what}; is --server right?") from None

    async def _health(self) -> httpx.Response:
        return await self.http.get("/health", timeout=10.0)

    def _check_key(self, response: httpx.Response) -> None:
        if response.status_code in (401, 403):
            raise self._unreachable(f"wants a key (HTTP {response.status_code}); set XTTS_API_KEY")

    def _unreachable(self, what: str) -> ServerUnreachableError:
        return ServerUnreachableError(f"{self.http.base_url} {what}")


def _retry_after(response: httpx.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _reason(error: httpx.RequestError) -> str:
    return str(error) or type(error).__name__
