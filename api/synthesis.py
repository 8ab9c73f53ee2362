"""A validated body in, audio out, finished or as it is said: plan, ask the runner, assemble, encode.

The one path of every generate route: a simple request is a segmented one of a single part. It knows neither routes
nor the engine.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from api.audio.assemble import Segment, assemble, join_pieces, segments_header
from api.audio.encoders import Sink
from api.audio.formats import encode, media_type
from api.auth.account import charged
from api.flow import Flow
from api.plan import Body, Plan, Planner
from api.recording import Recording
from api.runner_client import RunnerClient, UtteranceAudio
from api.schemas import SegmentedRequest
from runners.errors import DeadlineExceeded, SpeechError
from runners.types import StopReason

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An encoded file, and what the response's headers say of it."""

    body: bytes
    media_type: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Live:
    """A file that is still growing, its first bytes there already. Whoever has this closes its flow."""

    flow: Flow
    media_type: str
    headers: dict[str, str]
    recording: Recording  # what is known of it when the flow is over


class Synthesis:
    def __init__(self, planner: Planner, runner: RunnerClient, timeout: float) -> None:
        """`timeout`: seconds until everything has to be said, waiting included."""
        self._planner = planner
        self._runner = runner
        self._timeout = timeout

    async def whole(self, body: Body) -> Rendered:
        async with self._within_deadline(body):
            plan = await self._planner.plan(body)
            async with _naming_parts(plan), charged(plan.characters, plan.text_field):
                spoken = await self._runner.synthesize(plan.utterances)
            return await asyncio.to_thread(_finish, body, plan, spoken)

    async def live(self, body: Body) -> Live:
        """Returns with the first bytes, or raises what the request failed of before there were any.

        The rest is said as fast as the engine can, whoever reads it however slowly: it waits in memory, encoded, and
        is bounded by the request's own text. So a slow client holds no slots, the deadline is about saying it only,
        and nobody else waits.
        """
        async with self._within_deadline(body):
            plan = await self._planner.plan(body)
        recording = Recording(plan)
        flow = await Flow.begin(lambda sink: self._say(body, plan, recording, sink))
        return Live(flow, media_type(plan.format, plan.rate), plan.headers, recording)

    async def _say(self, body: Body, plan: Plan, recording: Recording, sink: Sink) -> None:
        with recording.into(sink):
            async with (
                self._within_deadline(body),
                _naming_parts(plan),
                charged(plan.characters, plan.text_field),
                aclosing(self._runner.events(plan.utterances)) as events,
            ):
                async for event in events:
                    await asyncio.to_thread(recording.feed, event)
                await asyncio.to_thread(recording.end)
        _report_cut(recording.cut)

    @asynccontextmanager
    async def _within_deadline(self, body: Body) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError:
            message = f"Not done within {self._timeout:g} s. Send less text at once, or try when it is quieter."
            raise DeadlineExceeded(message) from None
        except SpeechError as error:
            _name_segment(error, body)
            raise


@asynccontextmanager
async def _naming_parts(plan: Plan) -> AsyncIterator[None]:
    with plan.naming_parts():
        yield


def _finish(body: Body, plan: Plan, spoken: list[UtteranceAudio]) -> Rendered:
    """From samples to the answer. Takes as long as the audio is long, so it belongs in a thread."""
    _report_cut(sum(done.stop_reason is StopReason.LIMIT for speech in spoken for done in speech.done))
    segments = [
        Segment(join_pieces(speech.pieces, plan.rate), pause) for speech, pause in zip(spoken, plan.pauses, strict=True)
    ]
    audio = assemble(segments, plan.rate, trim=plan.trim)
    headers = {**plan.headers, "X-Audio-Duration": f"{len(audio.samples) / plan.rate:.3f}"}
    if isinstance(body, SegmentedRequest) or len(plan.takes) > 1:
        headers["X-Segments"] = segments_header(audio.spans)
    return Rendered(encode(audio.samples, plan.format, plan.rate), media_type(plan.format, plan.rate), headers)


def _report_cut(cut: int) -> None:
    if cut:
        log.warning("%d of the model's utterances ran into its longest length and were cut there", cut)


def _name_segment(error: SpeechError, body: Body) -> None:
    """Make the fault's field a path, where it is a segment's own and not one that it took from the request."""
    if isinstance(body, SegmentedRequest) and error.utterance is not None:
        own = body.segments[error.utterance].model_fields_set
        if error.param in own:
            error.param = f"segments.{error.utterance}.{error.param}"
