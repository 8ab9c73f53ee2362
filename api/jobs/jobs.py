"""What callers can do with jobs, and this server's part in doing them. Knows no HTTP."""

import asyncio
import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from api.auth.account import charged
from api.config import ServerConfig
from api.errors import JobNotDone, JobsAway, UnknownJob
from api.jobs.files import JobFiles
from api.jobs.planner import JobPlanner
from api.jobs.schemas import LongRequest
from api.jobs.state import JobStatus, Progress, State
from api.jobs.threads import JobThreads
from api.jobs.work import Step, Work
from api.observe.metrics import unfinished_jobs
from api.plan import Planner
from api.runner_client import RunnerClient
from api.webhook import Webhooks
from runners.errors import DeadlineExceeded, InvalidInput, Overloaded, SpeechError, StorageAway
from runners.storage import Storage, StoredFile

if TYPE_CHECKING:
    from api.jobs.engine import Engine

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_UNFINISHED: Final = 100  # jobs, over all servers that share them
GLANCE: Final = 0.5  # seconds between two looks at a job that somebody waits for
PATIENCE: Final = 10.0  # seconds that a caller waits for the database to be opened
BEAT: Final = 5.0  # seconds between two signs of life
KEPT: Final = 24 * 3600.0  # seconds that a job stays once it is over
SWEEP: Final = 60.0  # seconds between two looks for jobs that are kept no longer
QUESTIONS: Final = 4  # that are asked of the database at once
PAUSE: Final = 2.0  # seconds in which a database that does not answer is not asked again
AWAY: Final = "The jobs' database cannot be reached. Try again later."
USED: Final = "this key was already used with a different body"
NOT_YET: Final = "The job is not done yet; its status says how far it is."
OVER: Final = {
    State.CANCELED: "The job was canceled: it has no result.",
    State.FAILED: "The job failed: it has no result. {error} It can be retried.",
}


class Jobs:
    def __init__(
        self,
        config: ServerConfig,
        planner: Planner,
        runner: RunnerClient,
        bulk: RunnerClient,
        files: JobFiles | None = None,
    ) -> None:
        """`bulk`: the runner for jobs, which run in a loop of their own."""
        self._config = config
        self._runner = runner
        self._bulk = bulk
        self._planner = JobPlanner(planner)
        self._files = files or JobFiles(Storage(config.bucket or config.data_dir), config.making_dir)
        self._webhooks = Webhooks(config.webhooks, config.webhook_secret)
        self._threads = JobThreads()
        self._asking = JobThreads(QUESTIONS)  # signs of life, too: they wait for no file
        self._engine: Engine | None = None
        self._adopted = False  # what an earlier version has left
        self._opened = asyncio.Event()  # or found that it cannot be
        self._away_until = 0.0  # by time.monotonic
        self._running: list[asyncio.Task[None]] = []
        self._gauge = unfinished_jobs()

    def start(self) -> None:
        """In a running loop. Jobs are there once the database is."""
        self._running = [asyncio.create_task(self._beat()), asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        """Jobs stay as they are; other servers go on with them, or the next."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._engine:
            with suppress(JobsAway):
                await self._ask(lambda engine: engine.stop())

    async def submit(self, request: LongRequest, caller: str, key: str | None = None) -> str:
        """The job's id; it is stored, and so safe. Raises SpeechError for what is wrong with any of the samples."""
        if request.characters > self._config.max_job_text:
            message = f"{request.characters} characters are too many: a job may have {self._config.max_job_text}."
            raise InvalidInput(message, param="samples")
        if request.webhook:
            self._webhooks.check(request.webhook)
        id = uuid.uuid4().hex if key is None else self._id_of(caller, key)
        digest = await asyncio.to_thread(_seeded, request, id)
        if key is not None and await self._ask(lambda engine: _same(engine, id, digest)):
            return id
        async with charged(request.characters, "samples"):
            if await self._ask(lambda engine: engine.unfinished(MOST_UNFINISHED)) >= MOST_UNFINISHED:
                raise Overloaded(f"{MOST_UNFINISHED} jobs are waiting already. Try again later.", retry_after=60)
            passages = await asyncio.to_thread(self._planner.check, request, await self._runner.model())
            progress = Progress(len(request.samples), passages=passages)
            try:
                await self._threads.run(self._files.create, id, request)
            except FileExistsError:
                raise InvalidInput(USED, param="Idempotency-Key") from None
            await self._ask(lambda engine: engine.enqueue(id, caller, progress, digest, request.webhook))
        return id

    def _id_of(self, caller: str, key: str) -> str:
        """The same for the same, on all servers; who does not have the caller's API key cannot guess it."""
        known = [each.digest.hex() for each in self._config.api_keys if each.name == caller]
        return hashlib.sha256("\n".join([*known, caller, key]).encode()).hexdigest()[:32]

    async def of(self, caller: str, most: int) -> list[JobStatus]:
        return await self._ask(lambda engine: engine.of(caller, most))

    async def status(self, id: str) -> JobStatus:
        """Raises UnknownJob."""
        return await self._ask(lambda engine: engine.find(id))

    async def result(self, id: str) -> StoredFile:
        """Raises UnknownJob, JobNotDone."""
        job = await self.status(id)
        if job.state is not State.COMPLETED:
            raise JobNotDone(OVER.get(job.state, NOT_YET).format(error=job.error))
        return await self._threads.run(self._files.result, id)

    def pieces(self, result: StoredFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`. Blocks; raises OSError, StorageAway."""
        return self._files.pieces(result, start, end)

    async def cancel(self, id: str) -> JobStatus:
        """Harmless where it is over. Raises UnknownJob."""
        return await self._ask(lambda engine: engine.cancel(id))

    async def retry(self, id: str, caller: str) -> str:
        """A new job of the samples that failed; of all, where none did. Raises UnknownJob, JobNotDone."""
        if not (await self.status(id)).over:
            raise JobNotDone(NOT_YET)
        request, done = await self._threads.run(lambda: (self._files.request(id), self._files.manifest(id)))
        if done and (failed := {entry.id for entry in done.samples if entry.error is not None}):
            request.samples = [sample for sample in request.samples if sample.id in failed]
        return await self.submit(request, caller)

    async def whole(self, request: LongRequest, caller: str) -> str:
        """The id of a job that was done from end to end. Leaving cancels it."""
        submitting = asyncio.ensure_future(self.submit(request, caller))
        try:
            async with asyncio.timeout(self._config.timeout):
                id = await asyncio.shield(submitting)
                while not (await self.status(id)).over:  # noqa: ASYNC110  (another server may do it)
                    await asyncio.sleep(GLANCE)
            return id
        except TimeoutError:
            message = f"Not done within {self._config.timeout:g} s. Submit it, and ask for its status now and then."
            raise DeadlineExceeded(message) from None
        finally:
            with suppress(SpeechError):  # then it was not created
                id = await submitting
                try:
                    await self.cancel(id)
                except JobsAway:
                    self._running.append(asyncio.create_task(self._cancel_later(id)))

    async def _cancel_later(self, id: str) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self.cancel(id)
            except JobsAway:
                continue
            except UnknownJob:
                pass  # it has been swept away
            return

    async def _ask(self, question: "Callable[[Engine], T]") -> T:
        """Raises JobsAway; at the start not before it is known to be away, and at once where that was just found."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._opened.wait()
        if (engine := self._engine) is None or time.monotonic() < self._away_until:
            raise JobsAway(AWAY)
        try:
            return await self._asking.run(question, engine)
        except engine.AWAY as error:
            self._away_until = time.monotonic() + PAUSE
            raise JobsAway(AWAY) from error

    async def _beat(self) -> None:
        """Opens the database, and shows the others that this server is alive. Tells when it is away, and when back."""
        away = False
        while True:
            try:
                if self._engine is None:
                    self._engine = await self._asking.run(self._open)
                if not self._adopted:
                    await self._threads.run(self._adopt, self._engine)
                    self._adopted = True
                self._opened.set()
                self._gauge.set(await self._ask(lambda engine: engine.beat()))
                if away:
                    log.info("The jobs' database is back")
                away = False
            except JobsAway as error:
                if not away and (cause := error.__cause__):
                    reason = " ".join(str(getattr(cause, "orig", cause)).split())
                    log.error("The jobs' database cannot be reached; speech goes on: %s", reason)
                    away = True
            except Exception:
                log.exception("Jobs cannot be kept; speech goes on")
            self._opened.set()
            await asyncio.sleep(BEAT)

    async def _sweep(self) -> None:
        """Removes what has been over for long, and folders that no job has, every now and then."""
        while True:
            try:
                await self._remove_old()
            except (JobsAway, StorageAway):
                pass  # who found it has said so
            except Exception:
                log.exception("The jobs' files could not be put in order")
            await asyncio.sleep(SWEEP)

    def _open(self) -> "Engine":
        from api.jobs.engine import Engine  # takes two seconds: not in the loop, and not before speech is served

        try:
            return Engine(self._config.database_url, self._do, self._tell)
        except (Engine.AWAY, OSError) as error:  # the latter: SQLite's folder cannot be written
            raise JobsAway(AWAY) from error

    async def _do(self, id: str, next_step: Callable[[], Step], passages: int) -> None:
        async def note(progress: Progress) -> None:
            with suppress(JobsAway):
                await self._ask(lambda engine: engine.note(id, progress))

        await Work(id, self._files, self._planner, self._bulk, self._threads, next_step, note, passages).run()

    async def _tell(self, id: str, url: str) -> None:
        while True:  # another server may do it
            with suppress(JobsAway):
                if (job := await self.status(id)).over:
                    break
            await asyncio.sleep(BEAT)
        await self._webhooks.call(url, id, job.as_json())

    def _adopt(self, engine: "Engine") -> None:
        """Jobs of an earlier version, which knew no database, are done like new ones. Raises JobsAway."""
        for id in self._files.of_earlier_version():
            try:
                engine.enqueue(id, "", Progress(len(self._files.request(id).samples)))
                self._files.adopted(id)
                log.warning("Job %s is an earlier version's, and is begun anew", id)
            except (OSError, ValueError):
                log.exception("Job %s is an earlier version's, and cannot be read: it is left alone", id)
            except engine.AWAY as error:
                raise JobsAway(AWAY) from error

    async def _remove_old(self) -> None:
        await self._threads.run(self._files.tidy, KEPT)
        old = await self._ask(lambda engine: engine.over_for(KEPT))
        if old:
            await self._ask(lambda engine: engine.remove(old))
        for id in old:
            await self._threads.run(self._files.remove, id)
        ids = await self._threads.run(self._files.ids)
        for id in await self._ask(lambda engine: engine.unknown(ids)):
            if await self._threads.run(self._files.untouched_for, id) > KEPT:
                await self._threads.run(self._files.remove, id)


def _seeded(request: LongRequest, id: str) -> str:
    """What is asked for, as a digest. Samples without a seed get one, by the job's id: the same for the same."""
    digest = hashlib.sha256(request.as_json()).hexdigest()
    for sample in request.samples:
        if sample.seed is None:
            sample.seed = int.from_bytes(hashlib.sha256(f"{id}/{sample.id}".encode()).digest()[:4])
    return digest


def _same(engine: "Engine", id: str, digest: str) -> bool:
    """Whether there is such a job already. Raises InvalidInput where that was of a different body."""
    if engine.unknown([id]):
        return False
    if engine.find(id).digest != digest:
        raise InvalidInput(USED, param="Idempotency-Key")
    return True
