"""Which jobs this server does, and when: the oldest first, a few at once, none that another server does already.

Servers that share a folder of jobs share the work: each looks into it now and then, and takes what nobody has.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from api.jobs.store import Job, JobStore

log = logging.getLogger(__name__)

AT_ONCE = 4
LOOK = 2.0  # seconds between two looks into the folder; what other servers were told is seen then
REST = 30.0  # seconds until a job whose folder could not be written is tried again


class JobRunner:
    def __init__(
        self,
        store: JobStore,
        do: Callable[[Job], Coroutine[Any, Any, None]],
        poll: float = LOOK,
        report: Callable[[int], object] = lambda unfinished: None,
    ) -> None:
        """`do`: works on a job until it is completed, or raises OSError where its folder cannot be written.
        `tell`: is called with the number of jobs that are not over, at every look.
        """
        self._store = store
        self._do = do
        self._poll = poll
        self._report = report
        self._doing: dict[str, tuple[Job, asyncio.Task[None]]] = {}
        self._knock = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._watch = asyncio.create_task(self._watch_over())

    async def stop(self) -> None:
        """Jobs stay as they are; whoever starts next goes on with them."""
        tasks = [task for _, task in self._doing.values()]
        if self._watch is not None:
            tasks.append(self._watch)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """There is something to see: look now."""
        self._knock.set()

    async def _watch_over(self) -> None:
        while True:
            try:
                await self._look_round()
            except OSError as error:
                log.warning("The jobs' folder cannot be read: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._knock.wait(), self._poll)
            self._knock.clear()

    async def _look_round(self) -> None:
        await asyncio.to_thread(self._store.sweep)
        unfinished = await asyncio.to_thread(self._store.unfinished)
        self._report(len(unfinished))
        wanted = {job.id for job in unfinished}
        for id, (_, task) in self._doing.items():
            if id not in wanted:  # canceled, here or elsewhere; or just completed, which a cancel does not hurt
                task.cancel()
        for job in unfinished:
            if len(self._doing) == AT_ONCE:
                break
            if job.id not in self._doing:
                self._doing[job.id] = job, asyncio.create_task(self._claim(job))

    async def _claim(self, job: Job) -> None:
        try:
            with job.claimed() as ours:
                if ours and not job.over:
                    await self._attempt(job)
                    self.wake()  # the next one has a place
        finally:
            del self._doing[job.id]

    async def _attempt(self, job: Job) -> None:
        log.info("Job %s: begun", job.id)
        try:
            await self._do(job)
        except OSError:
            log.exception("Job %s: its folder cannot be written; it goes on in %g s", job.id, REST)
            await asyncio.sleep(REST)
        except Exception:  # nobody foresaw it, and it would happen again
            log.exception("Job %s: failed", job.id)
            job.fail()
        else:
            log.info("Job %s: completed", job.id)
