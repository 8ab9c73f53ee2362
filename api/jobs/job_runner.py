"""Which jobs this server does, and when: the oldest first, a few at once, none that another server does already.

Servers that share a folder of jobs share the work: each polls it, and takes what nobody has.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from filelock import BaseFileLock, Timeout

from api.jobs.store import Job, JobStore
from api.jobs.threads import JobThreads

log = logging.getLogger(__name__)

AT_ONCE = 4
POLL = 2.0  # seconds between two looks into the folder; what other servers were told is seen then
REST = 30.0  # seconds until a job whose folder cannot be used is tried again
MOST_ATTEMPTS = 3
ENDED_ITS_SERVER = f"Its server ended {MOST_ATTEMPTS} times while working on it, without finishing a sample in between."
UNFORESEEN = "An unexpected error; the server's log has it."


class JobRunner:
    def __init__(
        self,
        store: JobStore,
        do: Callable[[Job], Coroutine[Any, Any, None]],
        threads: JobThreads,
        poll: float = POLL,
        report: Callable[[int], object] = lambda unfinished: None,
    ) -> None:
        """`do`: works on a job until it is completed, or raises OSError where its folder cannot be written.
        `report`: is called with the number of jobs that are not over, at every poll.
        """
        self._store = store
        self._do = do
        self._threads = threads
        self._poll = poll
        self._report = report
        self._running: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """In a running loop."""
        self._polling = asyncio.create_task(self._poll_forever())

    async def stop(self) -> None:
        """Jobs stay as they are; the next server goes on with them."""
        tasks = [*self._running.values(), *([self._polling] if self._polling else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Something has changed: poll now."""
        self._woken.set()

    async def _poll_forever(self) -> None:
        while True:
            try:
                await self._poll_once()
            except OSError as error:
                log.warning("The jobs' folder cannot be read: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll)
            self._woken.clear()

    async def _poll_once(self) -> None:
        await self._threads.run(self._store.sweep)
        unfinished = await self._threads.run(self._store.unfinished)
        self._report(len(unfinished))
        wanted = {job.id for job in unfinished}
        for id, running in self._running.items():
            if id not in wanted:  # canceled, here or elsewhere; or just completed, which a cancel does not hurt
                running.cancel()
        for job in unfinished:
            if len(self._running) == AT_ONCE:
                break
            if job.id not in self._running:
                task = self._running[job.id] = asyncio.create_task(self._claim(job))
                task.add_done_callback(partial(self._forget, job.id))

    def _forget(self, id: str, _: object) -> None:
        del self._running[id]

    async def _claim(self, job: Job) -> None:
        lock = job.lock()
        try:
            if await self._threads.run(_acquired, lock) and not await self._threads.run(lambda: job.over):
                await self._attempt(job)
                self.wake()  # there is room for the next one
        except OSError as error:
            log.error("Job %s: its folder cannot be used; it is tried again in %g s: %s", job.id, REST, error)
            await self._threads.run(lock.release)
            await asyncio.sleep(REST)
        finally:
            await self._threads.run(lock.release)

    async def _attempt(self, job: Job) -> None:
        if (attempt := await self._threads.run(job.attempt)) > MOST_ATTEMPTS:
            log.error("Job %s: failed. %s", job.id, ENDED_ITS_SERVER)
            return await self._threads.run(job.fail, ENDED_ITS_SERVER)
        log.log(logging.WARNING if attempt > 1 else logging.INFO, "Job %s: begun, attempt %d", job.id, attempt)
        try:
            await self._do(job)
            log.info("Job %s: completed", job.id)
        except OSError:
            raise
        except Exception:  # unexpected, and it would happen again
            log.exception("Job %s: failed", job.id)
            await self._threads.run(job.fail, UNFORESEEN)
        finally:
            await self._threads.run(job.attempt_over)


def _acquired(lock: BaseFileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
