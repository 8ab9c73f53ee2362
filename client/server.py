"""The server as a batch sees it: is it ready, what does it have, and one sample's audio. Waits, tries again, gives up.

ServerUnreachable   nobody answers, or not to us: the whole batch stops
SampleFailed        one sample failed, the others go on
"""

import asyncio
import io
import json
import math
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from api.jobs.manifest import Entry, SampleFault
from api.jobs.schemas import Sample
from api.schemas import SimpleRequest

BUSY = frozenset({429, 502, 503})  # come back later; 502 is what proxies answer while a server restarts
SLOWEST_PACE = 10.0  # seconds between two tries, unless the server asks for more
NOTE_EVERY = 10.0  # seconds between two lines about a server that is not ready
SHOWN = 200  # characters of an answer that is not one of ours


class ServerUnreachable(Exception):
    """The message says which server, what happened and what to do."""


class SampleFailed(Exception):
    def __init__(self, type: str, message: str, param: str | None = None, status: int | None = None) -> None:
        self.fault = SampleFault(type=type, message=message, param=param, status=status)
        super().__init__(str(self.fault))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to try."""

    answer: float = 600.0  # for one answer
    loading: float = 900.0  # until the model is there
    busy_tries: int = 30  # of one sample, while the server says it is busy
    broken_tries: int = 4  # of one sample, while connections fail
    pause: float = 0.5  # after the first failed try; doubles with each
    longest_pause: float = 120.0  # where the server asks for more than this, the sample fails


class Server:
    """One server through `http`, whose base URL and headers say where and as whom."""

    def __init__(self, http: httpx.AsyncClient, patience: Patience) -> None:
        self.http = http
        self.patience = patience

    async def languages(self, note: Callable[[str], None], is_starting: Callable[[], bool]) -> list[str]:
        """The model's, once it is loaded. While `is_starting`, no answer only means not yet.

        `note` gets a line now and then while waiting. Raises ServerUnreachable.
        """
        began, noted, refused = time.monotonic(), -NOTE_EVERY, 0
        while True:
            try:
                response = await self.http.get("/health", timeout=10.0)
                if response.status_code not in BUSY:
                    return list(self._field(response, "languages"))
                state = "is loading its model"
            except httpx.RequestError as error:
                refused += 1
                state = "is starting" if is_starting() else "does not answer"
                if refused >= self.patience.broken_tries and not is_starting():
                    raise self._unreachable(f"does not answer ({_reason(error)}); is it running?") from None
            waited = time.monotonic() - began
            if waited > self.patience.loading:
                raise self._unreachable(f"{state} after {waited:.0f} s; --wait sets how long to wait")
            if waited >= noted + NOTE_EVERY:
                note(f"{self.http.base_url} {state}, waiting ({waited:.0f} s)")
                noted = waited
            await asyncio.sleep(self.patience.pause)

    async def voices(self) -> dict[str, list[str]]:
        """The styles of each voice. Raises ServerUnreachable."""
        try:
            response = await self.http.get("/voices", timeout=self.patience.answer)
        except httpx.RequestError as error:
            raise self._unreachable(f"does not answer GET /voices: {_reason(error)}") from None
        return {voice["name"]: list(voice["styles"]) for voice in self._field(response, "voices")}

    async def synthesize(self, sample: Sample) -> tuple[Entry, dict[str, bytes]]:
        """What became of it, and its files by their endings.

        Raises SampleFailed, or ServerUnreachable where nobody answers any more, or not to us.
        """
        body = sample.request
        route = "/generate/simple" if isinstance(body, SimpleRequest) else "/generate/segmented"
        content = body.model_dump(mode="json", exclude_unset=True)
        busy = broken = 0
        while True:
            try:
                async with asyncio.timeout(self.patience.answer):
                    response = await self.http.post(route, json=content)
            except TimeoutError:
                message = f"no answer within {self.patience.answer:g} s; --timeout sets how long to wait"
                raise SampleFailed("timeout", message) from None
            except httpx.RequestError as error:
                broken += 1
                pause = self._pause(broken)
                if broken >= self.patience.broken_tries:
                    raise await self._given_up(error) from None
            else:
                busy += 1
                pause = _retry_after(response) or self._pause(busy)
                too_long = busy >= self.patience.busy_tries or pause > self.patience.longest_pause
                if response.status_code not in BUSY or too_long:
                    self._check_key(response)
                    return _entry(sample, response), _files(sample, response)
            await asyncio.sleep(pause)

    def _pause(self, tried: int) -> float:
        return min(self.patience.pause * 2.0 ** (tried - 1), SLOWEST_PACE)

    async def _given_up(self, error: httpx.RequestError) -> Exception:
        """One sample's connections break: is it that sample, or is the server gone?"""
        try:
            await self.http.get("/health", timeout=10.0)
        except httpx.RequestError:
            return self._unreachable(f"does not answer any more: {_reason(error)}")
        return SampleFailed("connection", f"the connection broke each time: {_reason(error)}")

    def _field(self, response: httpx.Response, name: str) -> Any:
        self._check_key(response)
        try:
            return response.raise_for_status().json()[name]
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
            what = f"answers GET {response.url.path} as no server of this kind would (HTTP {response.status_code})"
            raise self._unreachable(f"{what}; is --server right?") from None

    def _check_key(self, response: httpx.Response) -> None:
        if response.status_code in (401, 403):
            raise self._unreachable(f"wants a key (HTTP {response.status_code}); set XTTS_API_KEY")

    def _unreachable(self, what: str) -> ServerUnreachable:
        return ServerUnreachable(f"{self.http.base_url} {what}")


def _entry(sample: Sample, response: httpx.Response) -> Entry:
    """What the headers say of the audio. Raises SampleFailed where the answer is an error, or is not audio."""
    if response.status_code != httpx.codes.OK:
        raise _refused(response)
    try:
        facts = {
            "seed": int(response.headers["X-Seed"]),
            "language": response.headers["X-Language"].split(", "),
            "sample_rate": int(response.headers["X-Sample-Rate"]),
            "duration": float(response.headers["X-Audio-Duration"]),
            "spans": json.loads(response.headers.get("X-Segments", "null")),
        }
        if not response.content or not math.isfinite(facts["duration"]):
            raise ValueError("no audio")
        return Entry.of(sample, **facts)
    except (KeyError, ValueError) as error:
        message = f"the answer is not audio from this API ({error}); is --server right?"
        raise SampleFailed("bad_answer", message, status=response.status_code) from error


def _files(sample: Sample, response: httpx.Response) -> dict[str, bytes]:
    """Raises SampleFailed where there should be subtitles and are none."""
    if sample.subtitles is None:
        return {sample.output_format: response.content}
    try:
        with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
            return {name.rpartition(".")[2]: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        raise SampleFailed("bad_answer", "the answer has no subtitles", status=response.status_code) from None


def _refused(response: httpx.Response) -> SampleFailed:
    try:
        error = response.json()["error"]
        param = error.get("param")
        return SampleFailed(str(error["type"]), str(error["message"]), param and str(param), response.status_code)
    except (ValueError, KeyError, TypeError, AttributeError):
        body = response.text[:SHOWN].strip() or response.headers.get("Location", "no reason given")
        return SampleFailed("http_error", body, status=response.status_code)


def _retry_after(response: httpx.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _reason(error: httpx.RequestError) -> str:
    return str(error) or type(error).__name__
