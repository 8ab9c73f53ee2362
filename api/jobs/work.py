"""Does one job: its samples' passages in calls of the bulk lane, what comes back into the job's folder.

A job that was begun before goes on where it stopped: samples that are over are not synthesized again.
"""

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence

from api.audio.edges import Samples
from api.jobs.manifest import Entry, Manifest
from api.jobs.planner import JobPlanner
from api.jobs.render import RenderTask
from api.jobs.store import Job, Progress
from api.jobs.threads import JobThreads
from api.loudness import VoiceLoudness
from api.runner_client import RunnerClient, UtteranceAudio
from runners.errors import EngineFailure, ModelLoading, SpeechError
from runners.types import Status, Utterance

# A call holds several passages for each slot, so that most slots are in use until most of it is done; and not more than
# ten minutes of speech, because it comes in one piece. A second takes 10 to 15 bytes of text, whatever the script.
CALL_PER_SLOT = 4
LARGEST_CALL = 32  # passages
LARGEST_CALL_TEXT = 8_000  # bytes
# Calls under way at once. The slowest passage of a batch leaves slots idle at its end: the larger the batches that they
# make up, the less. With 8 slots a job takes 6 % longer than if none were, with 32 16 %, with 256 half as long again.
MOST_CALLS = 32
PAUSES = (2.0, 10.0)  # seconds until what the engine failed of is tried again, and again
LOADING = 2.0  # seconds until a runner that loads is asked again

Call = list[tuple[RenderTask, int]]  # passages, by their indices
Outcome = UtteranceAudio | SpeechError


class Work:
    def __init__(
        self,
        job: Job,
        planner: JobPlanner,
        runner: RunnerClient,
        threads: JobThreads,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._job = job
        self._planner = planner
        self._runner = runner
        self._threads = threads
        self._pauses = pauses
        self._entries: dict[str, Entry] = {}  # by the samples' ids, of those that are over
        self._rate = 0
        self._progress = Progress(0)

    async def run(self) -> None:
        """Until the job is completed. Raises OSError where its folder cannot be written; another try goes on there."""
        status = await self._ready()
        self._rate = status.model.sample_rate
        tasks = await self._threads.run(self._begin, status)
        await self._level(tasks)
        todo = [task for task in tasks if task.sample.id not in self._entries]
        for task in todo:
            if task.over:
                await self._finish(task)
        calls = _calls([task for task in todo if not task.over], min(CALL_PER_SLOT * status.load.slots, LARGEST_CALL))
        await self._make(calls, min(2 + status.load.slots // 4, MOST_CALLS))
        entries = [self._entries[task.sample.id] for task in tasks]
        await self._threads.run(self._job.complete, Manifest.of(entries, len(entries)))

    def _begin(self, status: Status) -> list[RenderTask]:
        self._entries = {entry.id: entry for entry in self._job.begin()}
        tasks = self._planner.render_tasks(self._job.request().samples, status.model, self._job.passages)
        self._progress = Progress.of(
            self._entries.values(),
            total=len(tasks),
            passages=sum(len(task.passages) for task in tasks),
            passages_done=sum(len(task.passages) for task in tasks if task.sample.id in self._entries),
        )
        self._job.note(self._progress)
        return tasks

    async def _level(self, tasks: Sequence[RenderTask]) -> None:
        """One gain for all files of a job of several, by its voices: whenever it is resumed, the same again."""
        wanted = [(task, task.audio) for task in tasks if task.audio and task.audio.loudness is not None]
        if len(tasks) == 1 or all(task.sample.id in self._entries for task, _ in wanted):
            return
        loudness = VoiceLoudness(self._say)
        said = [phrase.utterance for task, _ in wanted for phrase in task.phrases]
        rates = {audio.file_rate for _, audio in wanted}
        measured = {rate: await loudness.of(said, self._rate, rate) for rate in rates}
        for task, audio in wanted:
            task.audio = dataclasses.replace(audio, measured=measured[audio.file_rate])

    async def _say(self, words: Utterance) -> Sequence[Samples]:
        """Nothing, where a voice cannot say them: its samples will tell why."""
        [outcome] = await self._synthesize([words])
        return outcome.pieces if isinstance(outcome, UtteranceAudio) else ()

    async def _make(self, calls: Iterator[Call], at_once: int) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._make_next(calls))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # they stopped for one reason; one is enough to tell it

    async def _make_next(self, calls: Iterator[Call]) -> None:
        for call in calls:  # shared: each worker takes the next
            outcomes = await self._synthesize([task.passages[index].utterance for task, index in call])
            for (task, index), outcome in zip(call, outcomes, strict=True):
                if not task.over:  # another of its passages has failed
                    await self._keep(task, index, outcome)
            await self._threads.run(self._job.note, self._progress)

    async def _keep(self, task: RenderTask, index: int, outcome: Outcome) -> None:
        if isinstance(outcome, UtteranceAudio):
            await self._threads.run(task.keep, index, outcome)
            if task.over:  # another one has failed meanwhile
                return
            task.done.add(index)
            self._count(passages_done=1, audio_seconds=sum(map(len, outcome.pieces)) / self._rate)
        else:
            task.error = outcome
        if task.over:
            await self._finish(task)

    async def _finish(self, task: RenderTask) -> None:
        entry = await self._threads.run(task.finish, self._job.files)
        await self._threads.run(self._job.add, entry)
        self._entries[entry.id] = entry
        self._count(**{"failed" if entry.error else "done": 1})

    def _count(self, **more: float) -> None:
        counted = {name: getattr(self._progress, name) + amount for name, amount in more.items()}
        self._progress = dataclasses.replace(self._progress, **counted)

    async def _synthesize(self, utterances: list[Utterance]) -> list[Outcome]:
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

    async def _try(self, utterances: list[Utterance]) -> list[Outcome]:
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


def _calls(tasks: Sequence[RenderTask], largest: int) -> Iterator[Call]:
    """The passages in order, so many at once. A sample that has failed meanwhile is left out."""
    call: Call = []
    text = 0
    for task in tasks:
        for index, passage in enumerate(task.passages):
            if task.over:
                break
            size = len(passage.utterance.text.encode())
            if call and (len(call) == largest or text + size > LARGEST_CALL_TEXT):
                yield call
                call, text = [], 0
            call.append((task, index))
            text += size
    if call:
        yield call
