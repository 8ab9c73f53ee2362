"""The routes under /generate/long, as BentoML's task client calls them. They are answered here and not by BentoML.

Its own task store forgets progress, does not cancel, keeps what a dead server was doing `in_progress` for ever, and
holds results, hours of audio, as base64 in a database of one machine.
"""

import asyncio
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth.account import charged
from api.config import ServerConfig
from api.described import errors
from api.errors import JobNotDone
from api.jobs.job_runner import JobRunner
from api.jobs.planner import JobPlanner
from api.jobs.schemas import LongRequest
from api.jobs.store import Job, JobStore, State
from api.jobs.work import Work
from api.observe.metrics import unfinished_jobs
from api.plan import Planner
from api.runner_client import RunnerClient
from api.synthesis import Rendered
from runners.errors import DeadlineExceeded, InvalidInput, Overloaded

MOST_UNFINISHED = 100  # jobs, over all servers that share them
GLANCE = 0.2  # seconds between two looks at a job that somebody waits for
ZIP = "application/zip"
NO_RESULT = {
    State.CANCELED: "The job was canceled: it has no result.",
    State.FAILED: "The job failed: it has no result, and the server's log says why. It can be retried.",
}


class Jobs:
    def __init__(self, config: ServerConfig, planner: Planner, runner: RunnerClient) -> None:
        self._config = config
        self._runner = runner
        self._planner = JobPlanner(planner)
        self._store = JobStore(config.jobs_dir)
        self._foreman = JobRunner(
            self._store, lambda job: Work(job, self._planner, runner).run(), report=unfinished_jobs().set
        )

    def start(self) -> None:
        """In a running loop."""
        self._foreman.start()

    async def stop(self) -> None:
        await self._foreman.stop()

    async def submit(self, request: LongRequest) -> Job:
        """Stored, and so safe. Raises what is wrong with any of the samples."""
        if request.characters > self._config.max_job_text:
            message = f"{request.characters} characters are too many: a job may have {self._config.max_job_text}."
            raise InvalidInput(message, param="samples")
        for sample in request.samples:
            sample.seed = secrets.randbelow(2**32) if sample.seed is None else sample.seed
        async with charged(request.characters, "samples"):
            job = await self._accept(request)
        self._foreman.wake()
        return job

    async def _accept(self, request: LongRequest) -> Job:
        if len(await asyncio.to_thread(self._store.unfinished)) >= MOST_UNFINISHED:
            raise Overloaded(f"{MOST_UNFINISHED} jobs are waiting already. Try again later.", retry_after=60)
        await asyncio.to_thread(self._planner.check, request, await self._runner.model())
        return await asyncio.to_thread(self._store.create, request)

    def status(self, id: str) -> dict[str, Any]:
        return self._store.find(id).status()

    def result(self, id: str) -> Job:
        """Raises JobNotDone."""
        job = self._store.find(id)
        state = job.state
        if state is not State.COMPLETED:
            raise JobNotDone(NO_RESULT.get(state, "The job is not done yet; its status says how far it is."))
        return job

    def cancel(self, id: str) -> dict[str, Any]:
        """Harmless where it is over."""
        job = self._store.find(id)
        if not job.over:
            job.cancel()
            self._foreman.wake()
        return job.status()

    async def retry(self, id: str) -> Job:
        """A new job of the same samples."""
        return await self.submit(await asyncio.to_thread(self._store.find(id).request))

    async def whole(self, request: LongRequest) -> Rendered:
        """A job from end to end, for whoever waits with the connection open. Leaving cancels it."""
        job = await self.submit(request)
        try:
            async with asyncio.timeout(self._config.timeout):
                while not job.over:  # noqa: ASYNC110  (another server may do it)
                    await asyncio.sleep(GLANCE)
            return Rendered(await asyncio.to_thread(self.result(job.id).result.read_bytes), ZIP, {})
        except TimeoutError:
            message = f"Not done within {self._config.timeout:g} s. Submit it, and ask for its status now and then."
            raise DeadlineExceeded(message) from None
        finally:
            self.cancel(job.id)


class RouteOverride:
    """Passes what is under `path` to `other`, and the rest on: BentoML's routes would come before those of its app."""

    def __init__(self, app: ASGIApp, other: ASGIApp, path: str) -> None:
        self.app = app
        self.other = other
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ahead = scope["type"] == "http" and scope["path"].startswith(self.path)
        await (self.other if ahead else self.app)(scope, receive, send)


def _of_this_server(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


router = APIRouter(prefix="/generate/long", tags=["Long jobs"])
JobsHere = Annotated[Jobs, Depends(_of_this_server)]


@router.post("/submit", responses=errors(404, 503))
async def submit(jobs: JobsHere, request: LongRequest) -> dict[str, Any]:
    """Leave samples to be said where the server is idle."""
    return (await jobs.submit(request)).status()


@router.get("/status", responses=errors(404))
def status(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """How far a job is."""
    return jobs.status(task_id)


@router.get("/get", response_class=Response, responses={200: {"content": {ZIP: {}}}, **errors(404, 409)})
def get(jobs: JobsHere, task_id: str) -> Response:
    """A job's result: a zip of files and `manifest.json`."""
    job = jobs.result(task_id)
    return FileResponse(job.result, media_type=ZIP, filename=f"{job.id}.zip")


@router.put("/cancel", responses=errors(404))
async def cancel(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """Give a job up. Harmless where it is over."""
    return jobs.cancel(task_id)


@router.post("/retry", responses=errors(404, 503))
async def retry(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """A new job of the same samples."""
    return (await jobs.retry(task_id)).status()
