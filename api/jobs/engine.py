"""Jobs in a database, as workflows of DBOS: who runs each job, what of it is done, and how it recovers from a crash.

DBOS takes seconds to import and waits for a database that is away: import this and make an Engine in a thread.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import dbos._sys_db
import dbos._workflow_commands
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, StepOptions, WorkflowStatus
from sqlalchemy.exc import SQLAlchemyError

from api.age import age
from api.errors import UnknownJob
from api.jobs.files import ID, NO_JOB
from api.jobs.state import JobStatus, Progress, State
from api.jobs.tables import Tables, open_database
from api.jobs.work import Step
from runners.errors import StorageAway

log = logging.getLogger(__name__)

# While its database is away DBOS sleeps for up to 90 s between two tries, in threads that a process waits for at its
# end: too long for jobs to go on, and for a server to stop.
LONGEST_SLEEP: Final = 3.0
_PATIENT: Final = {"sleep": lambda seconds: time.sleep(min(seconds, LONGEST_SLEEP))}
vars(dbos._workflow_commands)["_BACKGROUND_JOBS_INTERVAL_SEC"] = 4.0  # for delays and timeouts, which no job has
vars(dbos._sys_db)["time"] = SimpleNamespace(**{**vars(time), **_PATIENT})

NAME: Final = "xtts"
VERSION: Final = "1"  # of the order of a job's steps: servers of one version go on with each other's jobs
JOB: Final = "job"  # a workflow, and its queue
WEBHOOK: Final = "webhook"
AT_ONCE: Final = 4  # jobs of a server
POLL: Final = 2.0  # seconds between two looks for a job to do; each takes milliseconds of the processor
SELDOM: Final = 5.0  # seconds between two looks for what can wait
LATE: Final = 15.0  # seconds without a beat, after which a server counts as dead
MOST_ATTEMPTS: Final = 3
ENDED_ITS_SERVER: Final = (
    f"Its server ended {MOST_ATTEMPTS} times while working on it, without finishing a sample in between."
)
UNFORESEEN: Final = "An unexpected error; the server's log has it."
STATES: Final = {
    "SUCCESS": State.COMPLETED,
    "ERROR": State.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": State.FAILED,
    "CANCELLED": State.CANCELED,
    "PENDING": State.IN_PROGRESS,
    "ENQUEUED": State.PENDING,
    "DELAYED": State.PENDING,
}
OVER: Final = list(STATES)[:4]
UNFINISHED: Final = list(STATES)[4:]
# A disk or bucket that is full or away is tried again for two hours; all else would happen again.
DISK: Final = StepOptions(
    name="step",
    retries_allowed=True,
    max_attempts=720,
    interval_seconds=10,
    backoff_rate=1,
    should_retry=lambda error: isinstance(error, OSError | StorageAway),
    preemptible=True,
)
NETWORK: Final = StepOptions(name="call", retries_allowed=True, max_attempts=10, interval_seconds=2, backoff_rate=2)

Do = Callable[[str, Callable[[], Step], int], Awaitable[None]]  # a job's id, its steps, and how many passages it has
Tell = Callable[[str, str], Awaitable[None]]  # a job's id, and the address to tell of its end


class Engine:
    AWAY: Final = SQLAlchemyError  # what every method raises where the database is away

    def __init__(self, url: str, do: Do, tell: Tell) -> None:
        """Makes what is missing in the database, and begins to work. Blocks. Raises SQLAlchemyError."""
        self.id = uuid.uuid4().hex
        pool = open_database(url)
        self._tables = Tables(pool)
        serializer = DBOSPortableJSONSerializer()  # the default unpickles what it finds
        self._dbos = DBOS(
            config={
                "name": NAME,
                "application_version": VERSION,
                "executor_id": self.id,
                "system_database_engine": pool,
                "dbos_system_schema": self._tables.schema,
                "serializer": serializer,
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": 60,
                "scheduler_polling_interval_sec": 3600,  # there is no schedule
                "log_level": "CRITICAL",  # what matters is told here; it logs traces for what is no fault
            }
        )
        try:
            self._launch(do, tell)
        except BaseException:
            DBOS.destroy()  # else the next Engine would get this one's half-launched instance
            raise
        self._client = DBOSClient(
            system_database_engine=pool,
            dbos_system_schema=self._tables.schema,
            serializer=serializer,
            application_name=NAME,
            lazy=True,
            retry_connection_errors=False,
        )
        self._beats: dict[str, tuple[int | None, float]] = {}  # of each server, and since when it is that
        self._looked = 0.0

    def _launch(self, do: Do, tell: Tell) -> None:
        DBOS.workflow(name=JOB, max_recovery_attempts=MOST_ATTEMPTS - 1)(_job(do, self._tables))
        DBOS.workflow(name=WEBHOOK, max_recovery_attempts=None)(_webhook(tell))
        self._dbos._registry.get_internal_queue()._polling_interval_sec = SELDOM  # nothing of ours is in it
        DBOS.launch()
        DBOS.register_queue(JOB, worker_concurrency=AT_ONCE, polling_interval_sec=POLL, on_conflict="always_update")
        DBOS.register_queue(WEBHOOK, polling_interval_sec=SELDOM, on_conflict="always_update")

    def stop(self) -> None:
        """Other servers go on with what this one did, and it does not count as an attempt."""
        self._dbos._sys_db._retry_connection_errors = False  # threads that wait for the database give up
        DBOS.destroy()
        mine = self._list(status="PENDING", executor_id=self.id)
        for job in mine:
            self._client.resume_workflow(job.workflow_id, queue_name=job.name)
        self._tables.remove(self.id)

    def enqueue(self, id: str, owner: str, progress: Progress, digest: str = "", webhook: str | None = None) -> None:
        """Harmless where it was before. `digest`: of what is asked for."""
        facts = {"created": time.time(), "progress": asdict(progress), "digest": digest}
        self._client.enqueue(
            {
                "workflow_name": JOB,
                "queue_name": JOB,
                "workflow_id": id,
                "authenticated_user": owner,
                "attributes": facts,
            },
            id,
            progress.passages,
        )
        if webhook:
            options: EnqueueOptions = {
                "workflow_name": WEBHOOK,
                "queue_name": WEBHOOK,
                "workflow_id": f"{id}-{WEBHOOK}",
            }
            self._client.enqueue(options, id, webhook)

    def find(self, id: str) -> JobStatus:
        """Raises UnknownJob."""
        found = self._list(workflow_ids=[id], name=JOB) if ID.fullmatch(id) else []
        if not found:
            raise UnknownJob(NO_JOB, param="task_id")
        return _status(found[0])

    def of(self, owner: str, most: int) -> list[JobStatus]:
        """The newest first."""
        found = self._list(name=JOB, user=owner, limit=most, sort_desc=True)
        return sorted(map(_status, found), key=lambda job: job.created, reverse=True)

    def unfinished(self, most: int) -> int:
        return len(self._list(name=JOB, status=UNFINISHED, limit=most))

    def cancel(self, id: str) -> JobStatus:
        """Harmless where it is over. Raises UnknownJob."""
        if not self.find(id).over:
            self._client.cancel_workflow(id)
        return self.find(id)

    def note(self, id: str, progress: Progress) -> None:
        self._client.update_workflow_attributes(id, {"progress": asdict(progress)}, merge=True)

    def beat(self) -> int:
        """This server is alive; what those do that are not is enqueued again. How many jobs are not over."""
        beats = self._tables.beat(self.id)
        unfinished = self._list(status=UNFINISHED)
        now = time.monotonic()
        if now - self._looked > LATE / 2:
            self._beats.clear()  # who was not seen may have been there
        self._looked = now
        working = {job.executor_id for job in unfinished if job.status == "PENDING" and job.executor_id}
        last = {id: self._beats.get(id, (None, now)) for id in beats.keys() | working}
        self._beats = {id: at if at[0] == beats.get(id) else (beats.get(id), now) for id, at in last.items()}
        for id in [id for id, (_, since) in self._beats.items() if now - since > LATE and id != self.id]:
            for handle in DBOS._recover_pending_workflows([id]):
                log.warning("Job %s: its server has been silent for %g s, another goes on", handle.workflow_id, LATE)
            self._tables.remove(id)
        return sum(job.name == JOB for job in unfinished)

    def over_for(self, seconds: float) -> list[str]:
        """Ids of jobs."""
        then = datetime.fromtimestamp(age(0) - seconds, UTC).isoformat()
        return [job.workflow_id for job in self._list(name=JOB, status=OVER, completed_before=then)]

    def unknown(self, ids: Collection[str]) -> set[str]:
        return set(ids) - {job.workflow_id for job in self._list(workflow_ids=list(ids), name=JOB)} if ids else set()

    def remove(self, ids: Collection[str]) -> None:
        self._client.delete_workflows([*ids, *(f"{id}-{WEBHOOK}" for id in ids)])

    def _list(self, **which: Any) -> list[WorkflowStatus]:
        return self._client.list_workflows(**which, load_input=False, load_output=False)


def _job(do: Do, tables: Tables) -> Callable[[str, int], Awaitable[None]]:
    async def job(id: str, passages: int) -> None:
        def next_step() -> Step:
            reserved = DBOS.reserve_step()

            async def step(function: Callable[[], Awaitable[Any]]) -> Any:
                async def done() -> Any:  # for the first time
                    made = await function()
                    with suppress(SQLAlchemyError):
                        await asyncio.to_thread(tables.gets_on, id)
                    return made

                return await reserved.run_async(DISK, done)

            return step

        log.info("Job %s: begun", id)
        try:
            await do(id, next_step, passages)
        except Exception:
            log.exception("Job %s: failed", id)
            raise
        log.info("Job %s: completed", id)

    return job


def _webhook(tell: Tell) -> Callable[[str, str], Awaitable[None]]:
    async def webhook(id: str, url: str) -> None:
        try:
            await DBOS.run_step_async(NETWORK, tell, id, url)
        except Exception:
            log.exception("Job %s: its webhook could not be called", id)
            raise

    return webhook


def _status(found: WorkflowStatus) -> JobStatus:
    facts = found.attributes or {}
    errors = {"ERROR": UNFORESEEN, "MAX_RECOVERY_ATTEMPTS_EXCEEDED": ENDED_ITS_SERVER}
    return JobStatus(
        id=found.workflow_id,
        state=STATES[found.status],
        created=facts["created"],
        begun=found.dequeued_at and found.dequeued_at / 1000,
        progress=Progress(**facts["progress"]),
        digest=facts["digest"],
        error=errors.get(found.status),
    )
