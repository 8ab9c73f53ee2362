"""A validated body in, audio out, whole or while it is made: plan, ask the runner, assemble, encode.

The one path of every generate route: a simple request is a segmented one of a single part, and a whole file is a stream
that is collected. It knows neither routes nor the engine.
"""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from api.audio.assembler import Assembler
from api.audio.edges import Samples
from api.audio.encoders import Stream
from api.audio.formats import media_type
from api.audio.recording import AudioSpec, Recording
from api.audio.subtitles import Cue, Subtitles
from api.auth.account import charged
from api.flow import Flow, Unread
from api.loudness import VoiceLoudness
from api.plan import Body, Plan, Planner, cues
from api.runner_client import RunnerClient
from api.schemas import SegmentedRequest
from runners.errors import DeadlineExceeded, SpeechError
from runners.types import Audio, Event, Utterance

LONGEST_HEADER: Final = 8000  # characters; clients refuse longer ones, at 8,190 or more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An encoded file, and what the response's headers say of it."""

    body: bytes
    format: str
    media_type: str
    headers: dict[str, str]
    cues: list[Cue]
    subtitles: Subtitles | None = None  # what file of them is wanted beside it


@dataclass(frozen=True, slots=True)
class Live:
    """A file that is still growing, its first bytes there already. Whoever has this closes its flow."""

    flow: Flow
    media_type: str
    headers: dict[str, str]
    recording: Recording  # what is known of it when the flow is over


class Synthesis:
    def __init__(self, planner: Planner, runner: RunnerClient, timeout: float) -> None:
        """`timeout`: seconds until all of a request is synthesized, waiting included."""
        self._planner = planner
        self._runner = runner
        self._timeout = timeout
        self._unread = Unread()
        self._loudness = VoiceLoudness(self._say)

    async def whole(self, body: Body) -> Rendered:
        """Raises SpeechError."""
        plan, deadline = await self._plan(body)
        file = io.BytesIO()
        recording = Recording(plan.audio, file)
        await self._record(body, plan, recording, deadline)
        headers = {**plan.headers, **_wait(recording), "X-Audio-Duration": f"{recording.seconds:.3f}"}
        if isinstance(body, SegmentedRequest) or len(plan.phrases) > 1:
            spans = json.dumps(recording.spans, separators=(",", ":"))
            headers |= {"X-Segments": spans} if len(spans) <= LONGEST_HEADER else {}
        return Rendered(
            body=file.getvalue(),
            format=plan.audio.format,
            media_type=media_type(plan.audio.format, plan.audio.file_rate),
            headers=headers,
            cues=cues(plan.phrases, recording.spans),
            subtitles=body.subtitles,
        )

    async def live(self, body: Body) -> Live:
        """Returns with the first bytes. Raises SpeechError where the request fails before there are any.

        The rest is made as fast as the engine can, however slowly it is read: it waits in memory, encoded, bounded by
        the request's own text and by what all streams may hold. So a slow client holds no slots, the deadline is about
        synthesis only, and nobody else waits.
        """
        plan, deadline = await self._plan(body)
        audio = await self._known_loudness(body, plan, deadline)
        flow = Flow(self._unread)
        recording = Recording(audio, Stream(flow.put))
        await flow.begin(self._record(body, plan, recording, deadline, flow))
        headers = {**plan.headers, **_wait(recording)}
        return Live(flow, media_type(audio.format, audio.file_rate), headers, recording)

    async def samples(self, body: Body) -> AsyncIterator[tuple[AudioSpec, Samples]]:
        """As they are made, for who encodes them with others'. Raises SpeechError. Closing this frees the slots.

        To be taken at once, however slow the client: the deadline is about synthesis, here too.
        """
        plan, deadline = await self._plan(body)
        audio = await self._known_loudness(body, plan, deadline)
        assembler = Assembler(audio.pauses, audio.rate, trim=audio.trim)
        async with self._running(body, plan, deadline, listening=True) as events:
            async for event in events:
                for samples in assembler.feed(event):
                    yield audio, samples

    async def _plan(self, body: Body) -> tuple[Plan, float]:
        """And by when all of it must be synthesized, by the loop's clock."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        async with self._until(deadline, body):
            return await self._planner.plan(body), deadline

    async def _known_loudness(self, body: Body, plan: Plan, deadline: float) -> AudioSpec:
        """A stream cannot wait for its end to learn how loud it was: it goes by its voices."""
        if plan.audio.loudness is None:
            return plan.audio
        async with self._until(deadline, body), _naming_parts(plan):
            measured = await self._loudness.of(plan.utterances, plan.audio.rate, plan.audio.file_rate)
        return replace(plan.audio, measured=plan.audio.loudness if measured is None else measured)

    async def _say(self, words: Utterance) -> list[Samples]:
        """For who waits for it."""
        async with aclosing(self._runner.events([words])) as events:
            return [event.samples async for event in events if isinstance(event, Audio)]

    async def _record(
        self, body: Body, plan: Plan, recording: Recording, deadline: float, flow: Flow | None = None
    ) -> None:
        with recording:
            async with self._running(body, plan, deadline, listening=flow is not None) as events:
                async for event in events:
                    await asyncio.to_thread(recording.feed, event)
                    if flow:
                        flow.check()
                await asyncio.to_thread(recording.end)
        if recording.cut:
            log.warning("%d of the model's utterances ran into its longest length and were cut there", recording.cut)

    @asynccontextmanager
    async def _running(
        self, body: Body, plan: Plan, deadline: float, *, listening: bool
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with (
            self._until(deadline, body),
            _naming_parts(plan),
            charged(plan.characters, plan.text_field),
            aclosing(self._runner.events(plan.utterances, listening=listening)) as events,
        ):
            yield events

    @asynccontextmanager
    async def _until(self, deadline: float, body: Body) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError:
            message = f"Not done within {self._timeout:g} s. Send less text at once, or try when it is quieter."
            raise DeadlineExceeded(message) from None
        except SpeechError as error:
            _name_segment(error, body)
            raise


@asynccontextmanager
async def _naming_parts(plan: Plan) -> AsyncIterator[None]:
    """What the runner says of an utterance, said of the part that it is of."""
    try:
        yield
    except SpeechError as error:
        if error.utterance is None:
            raise
        raise error.at(plan.phrases[error.utterance].part) from error


def _wait(recording: Recording) -> dict[str, str]:
    return {"X-Queue-Wait": f"{recording.waited:.3f}"}


def _name_segment(error: SpeechError, body: Body) -> None:
    """Make the fault's field a path, where it is a segment's own and not one that it took from the request."""
    if isinstance(body, SegmentedRequest) and error.utterance is not None:
        own = body.segments[error.utterance].model_fields_set
        if error.param in own:
            error.param = f"segments.{error.utterance}.{error.param}"
