"""One run of a batch: so many samples at a time, each from request to file and manifest entry."""

import asyncio
import time
from collections.abc import Iterator

from api.batch.answer import SampleError
from api.batch.client import SpeechClient
from api.batch.file import Sample
from api.batch.manifest import Done, Failed, Manifest
from api.batch.progress import Progress


async def run(client: SpeechClient, manifest: Manifest, progress: Progress, concurrency: int) -> None:
    """Generates what the manifest has to do. A failed sample is an entry; it stops nothing.

    Raises ServerUnreachableError, and OSError where the folder cannot be written; the rest is left undone.
    """
    manifest.begin()
    waiting = iter(manifest.todo)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(_work(waiting, client, manifest, progress))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # they stopped for one reason; one is enough to tell it


async def _work(waiting: Iterator[Sample], client: SpeechClient, manifest: Manifest, progress: Progress) -> None:
    for sample in waiting:  # shared by all workers: each takes the next
        progress.finished(await _generate(sample, client, manifest))


async def _generate(sample: Sample, client: SpeechClient, manifest: Manifest) -> Done | Failed:
    began = time.perf_counter()
    try:
        speech = await client.speak(sample)
    except SampleError as error:
        return manifest.add_failure(sample, error.failure, time.perf_counter() - began)
    return manifest.add_speech(sample, speech, time.perf_counter() - began)
