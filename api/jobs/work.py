"""Does one job, step by step: a batch of samples is one, from texts to files. What a step gives is recorded and small.

A job that was begun before goes on where it stopped: steps that are recorded are not done again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from api.audio.edges import Samples
from api.jobs.batches import batches
from api.jobs.files import JobFiles
from api.jobs.manifest import Entry, Manifest
from api.jobs.planner import JobPlanner
from api.jobs.render import RenderTask
from api.jobs.schemas import Sample
from api.jobs.state import Progress
from api.jobs.threads import JobThreads
from api.loudness import WORDS, VoiceLoudness
from api.runner_client import Pieces, RunnerClient
from runners.errors import EngineFailure, ModelLoading, SpeechError, StorageAway
from runners.types import Status, Utterance

# A call holds several passages for each slot, so that most slots are in use until most of it is done; and not more than
# ten minutes of speech, because it comes in one piece. A second takes 10 to 15 bytes of text, whatever the script.
CALL_PER_SLOT = 4
LARGEST_CALL = 32  # passages; and samples of a step, most of which are passages
LARGEST_CALL_TEXT = 8_000  # bytes; a step's too, unless it is of one sample
# Calls under way at once. The slowest passage of a batch leaves slots idle at its end: the larger the batches that they
# make up, the less. With 8 slots a job takes 6 % longer than if none were, with 32 16 %, with 256 half as long again.
MOST_CALLS = 32
PAUSES = (2.0, 10.0)  # seconds until what the engine failed of is tried again, and again
TELL = 1.0  # seconds between two notes of how far it is
LOADING = 2.0  # seconds until a runner that loads is asked again

Call = list[tuple[RenderTask, int]]  # passages, by their indices
Outcome = Pieces | SpeechError
Step = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]  # gives what the function gives, now or once before


class Work:
    """`next_step`: the job's steps in order, the same each time. `note`: is told how far it is, now and then.
    `passages`: how many there are, for that."""

    def __init__(
        self,
        id: str,
        files: JobFiles,
        planner: JobPlanner,
        runner: RunnerClient,
        threads: JobThreads,
        next_step: Callable[[], Step],
        note: Callable[[Progress], Awaitable[None]],
        passages: int,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._id = id
        self._files = files
        self._planner = planner
        self._runner = runner
        self._threads = threads
        self._next_step = next_step
        self._note = note
        self._progress = Progress(passages=passages)  # of the steps that are over
        self._told = time.monotonic()
        self._live: dict[str, Progress] = {}  # of those under way, by their first samples
        self._pauses = pauses
        self._samples: list[Sample] = []
        self._entries: dict[str, Entry] = {}  # by the samples' ids, of those that are over
        self._rate = 0

    async def run(self) -> None:
        """Until the job is completed. Raises OSError and StorageAway where its files cannot be written."""
        self._samples = (await self._threads.run(self._files.request, self._id)).samples
        self._progress.total = len(self._samples)
        if manifest := await self._threads.run(self._files.manifest, self._id):  # only its end was not noted
            totals, passages = manifest.totals, self._progress.passages
            self._progress = Progress(totals.samples, totals.done, totals.failed, passages, passages, totals.duration)
            return await self._note(self._progress)
        status = await self._ready()
        self._rate = status.model.sample_rate
        plan = await self._next_step()(partial(self._plan, status))
        cut = batches(self._samples, plan["samples"], _sample_text, LARGEST_CALL_TEXT)
        steps = [(self._next_step(), batch) for batch in cut]
        last = self._next_step()
        at_once = min(2 + status.load.slots // 4, MOST_CALLS)
        calls = asyncio.Semaphore(at_once)
        waiting = iter(steps)

        async def take() -> None:
            for step, batch in waiting:  # shared: each takes the next
                await self._over(batch, **await step(partial(self._make, batch, plan["loudness"], calls)))

        await _all(take() for _ in range(at_once))
        await last(self._complete)
        await self._note(self._progress)

    async def _plan(self, status: Status) -> dict[str, Any]:
        """What all batches share, and how large they are."""
        return {
            "samples": min(CALL_PER_SLOT * status.load.slots, LARGEST_CALL),
            "loudness": await self._level(status),
        }

    async def _level(self, status: Status) -> dict[str, float | None]:
        """One gain for all files of a job of several, by its voices: how loud they are, by the files' rates."""
        said, rates = await self._threads.run(self._said, status) if len(self._samples) > 1 else ([], set())
        loudness = VoiceLoudness(self._say)
        return {str(rate): await loudness.of(said, self._rate, rate) for rate in rates}

    def _said(self, status: Status) -> tuple[list[Utterance], set[int]]:
        """Words of each voice that has a loudness, and the rates of its files."""
        said: dict[Utterance, None] = {}
        rates: set[int] = set()
        for sample in self._samples:
            [task] = self._planner.render_tasks([sample], status.model, Path())
            if task.audio and task.audio.loudness is not None:
                rates.add(task.audio.file_rate)
                said |= {replace(phrase.utterance, text=WORDS, seed=0): None for phrase in task.phrases}
        return list(said), rates

    async def _say(self, words: Utterance) -> Sequence[Samples]:
        """Nothing, where a voice cannot say them: its samples will tell why."""
        [outcome] = await self._synthesize([words])
        return () if isinstance(outcome, SpeechError) else outcome

    async def _make(
        self, batch: Sequence[Sample], loudness: dict[str, float | None], calls: asyncio.Semaphore
    ) -> dict[str, Any]:
        """The samples' files; what the manifest says of them, their texts aside."""
        await self._threads.run(self._files.check, self._id)
        status = await self._ready()
        self._live[batch[0].id] = live = Progress()
        with self._files.workplace() as folder:
            tasks = await self._threads.run(self._planner.render_tasks, batch, status.model, folder)
            for task in tasks:
                if task.audio and task.audio.loudness is not None and loudness:
                    task.audio = replace(task.audio, measured=loudness.get(str(task.audio.file_rate)))
            largest = min(CALL_PER_SLOT * status.load.slots, LARGEST_CALL)
            passages = [(task, index) for task in tasks for index in range(len(task.passages))]
            parted = batches(passages, largest, _passage_text, LARGEST_CALL_TEXT)
            await _all(self._call(call, calls, live) for call in parted)
            entries = [await self._threads.run(self._finish, task, folder) for task in tasks]
        live.failed = sum(entry.error is not None for entry in entries)
        live.done = len(entries) - live.failed
        return {**asdict(live), "samples": [entry.facts() for entry in entries]}

    def _finish(self, task: RenderTask, folder: Path) -> Entry:
        entry = task.finish(folder)
        self._files.keep(self._id, entry, folder)
        return entry

    async def _call(self, call: Call, calls: asyncio.Semaphore, live: Progress) -> None:
        async with calls:
            call = [(task, index) for task, index in call if not task.error]
            outcomes = await self._synthesize([task.passages[index].utterance for task, index in call])
            for (task, index), outcome in zip(call, outcomes, strict=True):
                if isinstance(outcome, StorageAway):
                    raise outcome  # it will come back: the step is tried again
                if isinstance(outcome, SpeechError):
                    task.error = outcome
                    continue
                await self._threads.run(task.keep, index, outcome)
                task.done.add(index)
                live.passages_done += 1
                live.audio_seconds += sum(map(len, outcome)) / self._rate
        await self._tell()

    async def _over(self, batch: Sequence[Sample], samples: list[dict[str, Any]], **counted: float) -> None:
        for sample, facts in zip(batch, samples, strict=True):
            self._entries[sample.id] = Entry.of(sample, **facts)
        self._live.pop(batch[0].id, None)
        self._progress += Progress(**counted)  # type: ignore[arg-type]
        await self._tell()

    async def _tell(self) -> None:
        """Now and then; not at once, where steps that are recorded are gone through again."""
        if (now := time.monotonic()) - self._told >= TELL:
            self._told = now
            await self._note(sum(self._live.values(), self._progress))

    async def _complete(self) -> None:
        entries = [self._entries[sample.id] for sample in self._samples]
        await self._threads.run(self._files.complete, self._id, Manifest.of(entries, len(entries)))

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
        if not utterances:
            return []
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


async def _all(tasks: Iterable[Coroutine[Any, Any, None]]) -> None:
    """They stop for one reason; one is enough to tell it."""
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


def _sample_text(sample: Sample) -> int:
    """Bytes."""
    return sum(len(part.text.encode()) for part in sample.parts)


def _passage_text(passage: tuple[RenderTask, int]) -> int:
    """Bytes."""
    task, index = passage
    return len(task.passages[index].utterance.text.encode())
