"""The BentoML service that owns the model: one copy in each worker process. All that is heavy loads in `__init__`."""

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import bentoml

from bentoml_patches.disconnects import BulkCalls
from bentoml_patches.failed_start import end_server, watch_workers
from bentoml_patches.lifetime import Lifetime
from bentoml_patches.logs import log_as_bentoml_does, write_as
from runners.bulk import Bulk
from runners.checkpoint.look import look_at
from runners.config import EngineConfig
from runners.cpu import settle_openmp
from runners.environment import Environment
from runners.errors import ConfigurationError, EngineFailure, SpeechError
from runners.logs import formatter, still
from runners.models.source import check_source, is_demo, resolve_model
from runners.request_id import RequestIds
from runners.types import BulkUtterance, Event, Failed, Status, Utterance, Voice
from runners.wire import CALL, pack

log = logging.getLogger(__name__)

ENVIRONMENT = Environment(os.environ)  # its faults are raised once the service has read its part, too
CONFIG = EngineConfig.read(ENVIRONMENT)
LINES = partial(formatter, CONFIG.log_format)
LARGEST_BATCH = 512  # utterances of long jobs
LONGEST_CALL = 24 * 3600  # seconds; requests have deadlines of their own, so this only has to be out of their way


def look_for_source() -> None:
    """Raises ConfigurationError where what XTTS_MODEL names is not there, or its licence not agreed to."""
    check_source(CONFIG.model, CONFIG.tos_agreed)


def look_for_devices() -> None:
    """Raises ConfigurationError where there are fewer GPUs than are asked for."""
    if CONFIG.device.startswith("cuda"):
        import torch

        from runners.xtts.checkpoint import choose_device

        choose_device(CONFIG.device, CONFIG.workers - 1, torch.cuda.device_count())


@bentoml.service(
    name="XTTSRunner",
    workers=CONFIG.workers,
    traffic={"timeout": LONGEST_CALL},
    logging={"access": {"enabled": False}},  # the public service logs every request already
)
class XTTSRunner:
    def __init__(self) -> None:
        write_as(LINES)
        log_as_bentoml_does("runners")
        with still("The model is being loaded", log):
            self._load()

    def _load(self) -> None:
        settle_openmp()
        from runners.synthesizer import Synthesizer

        self.bulk = Bulk(lambda utterance: _packed(self.synthesizer.synthesize([utterance], bulk=True)))
        worker = (bentoml.server_context.worker_index or 1) - 1  # BentoML counts from 1
        try:
            lifetime = Lifetime()
            self.synthesizer = Synthesizer.load(CONFIG, worker, on_death=lifetime.end)  # then a fresh worker starts
            status = self.synthesizer.status()
            CONFIG.check_model(status.model.languages, status.load.slots)
            lifetime.begin()
        except ConfigurationError as error:
            log.critical("%s", error)
            end_server()

    @bentoml.on_deployment
    @staticmethod
    def fetch_model() -> None:
        """Once, before any process starts: what cannot be served stops the server with one message.

        The demo voice can be served, and a worker makes it: that takes torch, for which this process would keep 1 GB.
        """
        ENVIRONMENT.note(look_for_devices)
        ENVIRONMENT.check(look_for_source)
        write_as(LINES)
        if CONFIG.bucket:
            from runners.storage import check_bucket  # its clients take a while to import

            check_bucket(CONFIG.bucket)
        if not is_demo(CONFIG.model):
            look_at(resolve_model(CONFIG.model, CONFIG.cache_dir, CONFIG.tos_agreed))
        watch_workers()

    @bentoml.on_shutdown
    def stop(self) -> None:
        self.synthesizer.stop()

    @bentoml.api
    async def synthesize(self, utterances: list[Utterance], listening: bool = False) -> AsyncGenerator[bytes, None]:
        """Events of the request (see runners/wire.py), as they happen. Closing the stream frees its slots."""
        yield b""  # BentoML begins its answer with the first chunk, and does not notice a caller that leaves before
        async with aclosing(_packed(self.synthesizer.synthesize(utterances, listening=listening))) as frames:
            async for frame in frames:
                yield frame

    @bentoml.api(batchable=True, max_batch_size=LARGEST_BATCH, max_latency_ms=LONGEST_CALL * 1000)
    async def synthesize_batch(self, items: list[BulkUtterance]) -> list[str]:
        """The bulk lane. BentoML gathers the items of all callers, and runs one batch at a time.

        An answer is the events of one item (see runners/wire.py) in base64; what an item fails of is among them, and
        fails no other. A call names itself in a header and in its items: when its caller leaves, they leave the engine
        (see bentoml_patches/disconnects.py).
        """
        return await self.bulk.synthesize(items)

    @bentoml.api
    async def latents(self, styles: dict[str, Voice]) -> AsyncGenerator[bytes, None]:
        """The latents of each style of a voice: one `LatentsReady`."""
        async with aclosing(_packed(self.synthesizer.latents(styles))) as frames:
            async for frame in frames:
                yield frame

    @bentoml.api
    async def status(self) -> Status:
        return self.synthesizer.status()


_service = cast(Any, XTTSRunner)
_service.add_asgi_middleware(RequestIds)
_service.add_asgi_middleware(BulkCalls, header=CALL)


async def _packed(events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    """The events as frames, and whatever they end in as the last."""
    try:
        async with aclosing(events):
            async for event in events:
                yield pack(event)
    except SpeechError as error:
        yield pack(Failed(error))
    except Exception:  # beyond this process there is only the stream: unexpected errors go into it too
        log.exception("A request failed with an unexpected error")
        yield pack(Failed(EngineFailure("The runner failed on this request; the server's log says why.")))
