"""Does one job: its samples' passages in calls of the bulk lane, what comes back into the job's folder.

A job that was begun before goes on where it stopped: samples that are over are not said again.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from api.jobs.planner import JobPlanner
from api.jobs.render import RenderTask
from api.jobs.store import Entry, Job, Progress
from api.runner_client import RunnerClient, UtteranceAudio
from runners.errors import EngineFailure, ModelLoading, SpeechError
from runners.types import Status, Utterance

# A call holds several passages for each slot, so that most slots are in use until most of it is said; and not more than
# ten minutes of speech, because it comes in one piece. A second takes 10 to 15 bytes of text, whatever the script.
CALL_PER_SLOT = 4
LARGEST_CALL = 32  # passages
LARGEST_CALL_TEXT = 8_000  # bytes
# Calls under way at once. The slowest passage of a batch leaves slots idle at its end: the larger the batches that they
# make up, the less. With 8 slots a job takes 6 % longer than if none were, with 32 16 %, with 256 half as long again.
MOST_CALLS = 32
PAUSES = (2.0, 10.0)  # seconds until what the engine failed of is tried again, and again
LOADING = 2.0  # seconds until a runner that loads is asked again

T = TypeVar("T")
Call = list[tuple[RenderTask, int]]  # passages, by their indices


class Work:
    def __init__(self, job: Job, planner: JobPlanner, runner: RunnerClient, pauses: Sequence[float] = PAUSES) -> None:
        self._job = job
        self._planner = planner
        self._runner = runner
        self._pauses = pauses
        self._entries: dict[str, Entry] = {}  # by the samples' ids, of those that are over
        self._rate = 0
        self._progress = Progress(0)

    async def run(self) -> None:
        """Until the job is completed. Raises OSError where its folder cannot be written; another try goes on there."""
        status = await self._ready()
        self._rate = status.model.sample_rate
        takes = await _to_the_end(self._begin, status)
        todo = [take for take in takes if take.sample.id not in self._entries]
        for take in todo:
            if take.over:
                await self._finish(take)
        calls = _calls([take for take in todo if not take.over], min(CALL_PER_SLOT * status.load.slots, LARGEST_CALL))
        await self._share(calls, min(2 + status.load.slots // 4, MOST_CALLS))
        await _to_the_end(self._job.complete, self._manifest([take.sample.id for take in takes]))

    def _begin(self, status: Status) -> list[RenderTask]:
        self._entries = {entry["id"]: entry for entry in self._job.begin()}
        takes = self._planner.render_tasks(self._job.request().samples, status.model)
        self._progress = Progress(
            total=len(takes),
            done=sum("file" in entry for entry in self._entries.values()),
            failed=sum("error" in entry for entry in self._entries.values()),
            passages=sum(len(take.passages) for take in takes),
            passages_done=sum(len(take.passages) for take in takes if take.sample.id in self._entries),
            audio_seconds=sum(entry.get("duration", 0.0) for entry in self._entries.values()),
        )
        self._job.note(self._progress)
        return takes

    async def _share(self, calls: Iterator[Call], workers: int) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(calls))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # they stopped for one reason; one is enough to tell it

    async def _work(self, calls: Iterator[Call]) -> None:
        for call in calls:  # shared: each worker takes the next
            outcomes = await self._say([take.passages[index].utterance for take, index in call])
            for (take, index), outcome in zip(call, outcomes, strict=True):
                await self._note(take, index, outcome)
            await _to_the_end(self._job.note, self._progress)

    async def _note(self, take: RenderTask, index: int, outcome: UtteranceAudio | SpeechError) -> None:
        if take.over:  # another of its passages has failed
            return
        if isinstance(outcome, UtteranceAudio):
            self._count(passages_done=1, audio_seconds=sum(map(len, outcome.pieces)) / self._rate)
        if take.note(index, outcome):
            await self._finish(take)

    async def _finish(self, take: RenderTask) -> None:
        entry, audio = await _to_the_end(take.entry, self._rate)
        take.speeches.clear()  # the job may have many
        await _to_the_end(self._job.add, entry, audio)
        self._entries[take.sample.id] = entry
        self._count(**{"failed" if "error" in entry else "done": 1})

    def _count(self, **more: float) -> None:
        counted = {name: getattr(self._progress, name) + amount for name, amount in more.items()}
        self._progress = dataclasses.replace(self._progress, **counted)

    def _manifest(self, order: Sequence[str]) -> dict[str, object]:
        entries = [self._entries[sample] for sample in order]
        totals = {
            "samples": len(entries),
            "done": sum("file" in entry for entry in entries),
            "failed": sum("error" in entry for entry in entries),
            "duration": round(sum(entry.get("duration", 0.0) for entry in entries), 3),
        }
        return {"totals": totals, "samples": entries}

    async def _say(self, utterances: list[Utterance]) -> list[UtteranceAudio | SpeechError]:
        """What the engine failed of is tried again: it may have been the engine's end, and this a new one."""
        outcomes = await self._try(utterances)
        for pause in self._pauses:
            broken = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, EngineFailure)]
            if not broken:
                break
            await asyncio.sleep(pause)
            for index, outcome in zip(broken, await self._try([utterances[index] for index in broken]), strict=True):
                outcomes[index] = outcome
        return outcomes

    async def _try(self, utterances: list[Utterance]) -> list[UtteranceAudio | SpeechError]:
        await self._ready()
        try:
            return await self._runner.synthesize_bulk(utterances)
        except EngineFailure as error:
            return [error] * len(utterances)

    async def _ready(self) -> Status:
        """Once the model is there."""
        while True:
            try:
                return await self._runner.status()
            except ModelLoading:
                await asyncio.sleep(LOADING)


async def _to_the_end(function: Callable[..., T], *arguments: Any) -> T:
    """In a thread. Whoever is cancelled meanwhile waits for it: the job is not written to once its doer has stopped."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    finally:
        await asyncio.wait([running])


def _calls(takes: Sequence[RenderTask], largest: int) -> Iterator[Call]:
    """The passages in order, so many at once. A sample that has failed meanwhile is left out."""
    call: Call = []
    text = 0
    for take in takes:
        for index, passage in enumerate(take.passages):
            if take.over:
                break
            size = len(passage.utterance.text.encode())
            if call and (len(call) == largest or text + size > LARGEST_CALL_TEXT):
                yield call
                call, text = [], 0
            call.append((take, index))
            text += size
    if call:
        yield call
