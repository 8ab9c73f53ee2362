"""The routes under /generate/long, as BentoML's task client calls them. They are answered here and not by BentoML.

Its own task store forgets progress, does not cancel, keeps what a dead server was doing `in_progress` for ever, and
holds results, hours of audio, as base64 in a database of one machine.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from api.auth.account import charged
from api.config import ServerConfig
from api.described import errors
from api.errors import JobNotDone
from api.jobs.job_runner import JobRunner
from api.jobs.planner import JobPlanner
from api.jobs.schemas import LongRequest
from api.jobs.store import Job, JobStore, State
from api.jobs.threads import JobThreads
from api.jobs.work import Work
from api.observe.metrics import unfinished_jobs
from api.plan import Planner
from api.runner_client import RunnerClient
from runners.errors import DeadlineExceeded, InvalidInput, Overloaded, SpeechError

MOST_UNFINISHED = 100  # jobs, over all servers that share them
GLANCE = 0.2  # seconds between two looks at a job that somebody waits for
ZIP = "application/zip"
NOT_YET = "The job is not done yet; its status says how far it is."
NO_RESULT = {
    State.CANCELED: "The job was canceled: it has no result.",
    State.PENDING: NOT_YET,
    State.IN_PROGRESS: NOT_YET,
}


class Jobs:
    def __init__(
        self, config: ServerConfig, planner: Planner, runner: RunnerClient, store: JobStore | None = None
    ) -> None:
        self._config = config
        self._runner = runner
        self._planner = JobPlanner(planner)
        self._store = store or JobStore(config.jobs_dir)
        self._threads = JobThreads()
        self._job_runner = JobRunner(self._store, self._work, self._threads, report=unfinished_jobs().set)

    async def _work(self, job: Job) -> None:
        await Work(job, self._planner, self._runner, self._threads).run()

    def start(self) -> None:
        """In a running loop."""
        self._job_runner.start()

    async def stop(self) -> None:
        await self._job_runner.stop()

    async def submit(self, request: LongRequest) -> Job:
        """Stored, and so safe. Raises SpeechError for what is wrong with any of the samples."""
        if request.characters > self._config.max_job_text:
            message = f"{request.characters} characters are too many: a job may have {self._config.max_job_text}."
            raise InvalidInput(message, param="samples")
        for sample in request.samples:
            sample.seed = secrets.randbelow(2**32) if sample.seed is None else sample.seed
        async with charged(request.characters, "samples"):
            if len(await self._threads.run(self._store.unfinished)) >= MOST_UNFINISHED:
                raise Overloaded(f"{MOST_UNFINISHED} jobs are waiting already. Try again later.", retry_after=60)
            await asyncio.to_thread(self._planner.check, request, await self._runner.model())
            job = await self._threads.run(self._store.create, request)
        self._job_runner.wake()
        return job

    async def status(self, id: str) -> dict[str, Any]:
        """Raises UnknownJob."""
        return await self._threads.run(lambda: self._store.find(id).status())

    async def result(self, id: str) -> Job:
        """Raises UnknownJob, JobNotDone."""
        return await self._threads.run(lambda: _completed(self._store.find(id)))

    async def cancel(self, id: str) -> dict[str, Any]:
        """Harmless where it is over. Raises UnknownJob."""
        status = await self._threads.run(lambda: _canceled(self._store.find(id)))
        self._job_runner.wake()
        return status

    async def retry(self, id: str) -> Job:
        """A new job of the same samples. Raises UnknownJob."""
        return await self.submit(await self._threads.run(lambda: self._store.find(id).request()))

    async def whole(self, request: LongRequest) -> Response:
        """A job from end to end, for a caller that keeps its connection open. Leaving cancels it."""
        submitting = asyncio.ensure_future(self.submit(request))
        try:
            async with asyncio.timeout(self._config.timeout):
                job = await asyncio.shield(submitting)
                while not await self._threads.run(lambda: job.over):  # noqa: ASYNC110  (another server may do it)
                    await asyncio.sleep(GLANCE)
            return _zip(await self._threads.run(_completed, job))
        except TimeoutError:
            message = f"Not done within {self._config.timeout:g} s. Submit it, and ask for its status now and then."
            raise DeadlineExceeded(message) from None
        finally:
            with suppress(SpeechError):  # then it was not created; or the end of the job has been swept away
                await self.cancel((await submitting).id)


def _completed(job: Job) -> Job:
    state = job.state
    if state is State.FAILED:
        raise JobNotDone(f"The job failed: it has no result. {job.failure or ''} It can be retried.")
    if state is not State.COMPLETED:
        raise JobNotDone(NO_RESULT[state])
    return job


class ResultFile(FileResponse):
    """A single range of it is sent as such; of many the whole, which every client can read."""

    max_ranges = 1


def _zip(job: Job) -> Response:
    return ResultFile(job.result, media_type=ZIP, filename=f"{job.id}.zip")


def _canceled(job: Job) -> dict[str, Any]:
    job.cancel()
    return job.status()


def _of_this_server(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


router = APIRouter(prefix="/generate/long", tags=["Long jobs"])
JobsHere = Annotated[Jobs, Depends(_of_this_server)]


@router.post("/submit", responses=errors(404, 503))
async def submit(jobs: JobsHere, request: LongRequest) -> dict[str, Any]:
    """Leave samples to be synthesized where the server is idle."""
    return await jobs.status((await jobs.submit(request)).id)


@router.get("/status", responses=errors(404))
async def status(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """How far a job is."""
    return await jobs.status(task_id)


@router.get("/get", response_class=Response, responses={200: {"content": {ZIP: {}}}, **errors(404, 409)})
async def get(jobs: JobsHere, task_id: str) -> Response:
    """A job's result: a zip of files and `manifest.json`."""
    return _zip(await jobs.result(task_id))


@router.put("/cancel", responses=errors(404))
async def cancel(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """Cancel a job. Harmless where it is over."""
    return await jobs.cancel(task_id)


@router.post("/retry", responses=errors(404, 503))
async def retry(jobs: JobsHere, task_id: str) -> dict[str, Any]:
    """A new job of the same samples."""
    return await jobs.status((await jobs.retry(task_id)).id)
