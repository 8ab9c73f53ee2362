"""The service as it is. Where it has no `POST /generate/stream` of its own, one is added on the runner's events.

The stand-in sends what the runner sends, in the order of the texts, and leaves out what the service does to the sound
(trimming, joins): its times are the real route's without that.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import bentoml
from starlette.responses import StreamingResponse

from api.audio.formats import encode
from api.runner_client import RunnerClient
from api.schemas import SegmentedRequest
from benchmarks.schedulers.utterances import in_order, utterances
from service import XTTS, app

__all__ = ["XTTS"]

STAND_IN = {"X-Stand-In": "runner-events"}  # so that a report can say so
RATE = 24_000  # Hz


async def stream(body: SegmentedRequest) -> StreamingResponse:
    client: RunnerClient = bentoml.get_current_service().client
    return StreamingResponse(_pcm(client, body), media_type="audio/pcm", headers=STAND_IN)


async def _pcm(client: RunnerClient, body: SegmentedRequest) -> AsyncIterator[bytes]:
    texts = [segment.text for segment in body.segments]
    async with aclosing(client.events(utterances(texts, body.voice))) as events:
        async for samples in in_order(events):
            yield encode(samples, "pcm", RATE)


if all(api.route != "/generate/stream" for api in cast(Any, XTTS).apis.values()):
    app.post("/generate/stream")(stream)
