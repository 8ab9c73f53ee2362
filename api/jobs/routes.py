"""The routes under /generate/long, as BentoML's task client calls them. They are answered here and not by BentoML.

Its own task store forgets progress, does not cancel, keeps what a dead server was doing `in_progress` for ever, and
holds results, hours of audio, as base64 in a database of one machine.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from api.described import errors
from api.errors import JobsAway, UnknownJob
from api.here import here
from api.jobs.jobs import Jobs
from api.jobs.schemas import LongRequest
from api.jobs.state import JobStatus
from api.ranges import ranged

GLANCE: Final = 1.0  # seconds between two looks at a job whose progress somebody follows
SILENCE: Final = 15.0  # seconds without news, after which a line says that the connection is alive
ZIP: Final = "application/zip"
EVENTS: Final = "text/event-stream"


async def whole(jobs: Jobs, body: LongRequest, request: Request) -> Response:
    """For a caller that keeps its connection open. Leaving cancels the job."""
    return await _zip(jobs, await jobs.whole(body, _caller(request)), request)


async def _zip(jobs: Jobs, id: str, request: Request) -> Response:
    result = await jobs.result(id)
    etag = f'"{hashlib.sha256(result.version.encode()).hexdigest()[:32]}"'
    about = {"content-disposition": f'attachment; filename="{id}.zip"'}
    return ranged(request, result.size, etag, partial(jobs.pieces, result), ZIP, about)


async def _events(jobs: Jobs, job: JobStatus) -> AsyncIterator[str]:
    """The status whenever it has changed, until the job is over. While the database is away there is no news."""
    told, quiet = None, 0.0
    while True:
        if job != told or quiet >= SILENCE:
            yield f"event: progress\ndata: {json.dumps(job.as_json())}\n\n" if job != told else ": still here\n\n"
            told, quiet = job, 0.0
        if job.over:
            return
        await asyncio.sleep(GLANCE)
        quiet += GLANCE
        try:
            job = await jobs.status(job.id)
        except JobsAway:
            pass
        except UnknownJob:
            return  # it was over, and has been removed


def _caller(request: Request) -> str:
    return str(request.user.display_name)


router = APIRouter(prefix="/generate/long", tags=["Long jobs"])
JobsHere = Annotated[Jobs, here("jobs")]
Caller = Annotated[str, Depends(_caller)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=256,
        description="The same key and body give the same job, for as long as that is kept: a submission that may have "
        "been lost can be sent again.",
    ),
]


@router.get("", responses=errors(503))
async def jobs(jobs: JobsHere, caller: Caller, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """The caller's jobs, the newest first. A caller is the name of a key or, where there are no keys, an address."""
    return {"tasks": [job.as_json() for job in await jobs.of(caller, limit)]}


@router.post("/submit", responses=errors(404, 503))
async def submit(jobs: JobsHere, request: LongRequest, caller: Caller, idempotency_key: Key = None) -> dict[str, Any]:
    """Leave samples to be synthesized where the server is idle."""
    return (await jobs.status(await jobs.submit(request, caller, idempotency_key))).as_json()


@router.get("/status", responses=errors(404, 503))
async def status(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """How far a job is."""
    return (await jobs.status(task_id)).as_json()


@router.get("/events", response_class=Response, responses={200: {"content": {EVENTS: {}}}, **errors(404, 503)})
async def events(jobs: JobsHere, task_id: str) -> Response:
    """How far a job is, whenever that changes and until it is over: events named `progress`, each a status."""
    unbuffered = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # by proxies, nginx among them
    return StreamingResponse(_events(jobs, await jobs.status(task_id)), media_type=EVENTS, headers=unbuffered)


@router.head("/get", include_in_schema=False)
@router.get("/get", response_class=Response, responses={200: {"content": {ZIP: {}}}, **errors(404, 409, 503)})
async def get(jobs: JobsHere, task_id: str, request: Request) -> Response:
    """A job's result: a zip of files and `manifest.json`."""
    return await _zip(jobs, task_id, request)


@router.put("/cancel", responses=errors(404, 503))
async def cancel(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """Cancel a job. Harmless where it is over."""
    return (await jobs.cancel(task_id)).as_json()


@router.post("/retry", responses=errors(404, 409, 503))
async def retry(jobs: JobsHere, task_id: str, caller: Caller) -> dict[str, Any]:
    """A new job of the samples that failed; of all of them, where none did."""
    return (await jobs.status(await jobs.retry(task_id, caller))).as_json()
