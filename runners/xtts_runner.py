"""The BentoML service that owns the model: one copy in each worker process. All that is heavy loads in `__init__`."""

import logging
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import bentoml

from runners.config import EngineConfig
from runners.errors import EngineFailure, SpeechError
from runners.types import Failed, Status, Utterance
from runners.wire import pack

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)

CONFIG = EngineConfig.from_env()
LONGEST_CALL = 24 * 3600  # seconds; requests have deadlines of their own, so this only has to be out of their way


def log_as_bentoml_does(logger: str) -> None:
    """Our own information beside BentoML's, in its format."""
    ours, theirs = logging.getLogger(logger), logging.getLogger("bentoml")
    ours.handlers, ours.propagate = theirs.handlers, False
    ours.setLevel(theirs.level)


@bentoml.service(
    name="XTTSRunner",
    workers=CONFIG.workers,
    traffic={"timeout": LONGEST_CALL},
    logging={"access": {"enabled": False}},  # the public service logs every request already
)
class XTTSRunner:
    def __init__(self) -> None:
        from runners.speech import Speech

        log_as_bentoml_does("runners")
        self.speech: Speech = Speech.load(CONFIG, worker=bentoml.server_context.worker_index - 1)

    @bentoml.on_deployment
    @staticmethod
    def fetch_model() -> None:
        """Once, before any process starts: a wrong or unreachable model stops the server with one message."""
        from runners.model_source import resolve_model

        resolve_model(CONFIG.model, CONFIG.cache_dir, CONFIG.tos_agreed)

    @bentoml.on_shutdown
    def stop(self) -> None:
        self.speech.stop()

    @bentoml.api
    async def speak(self, utterances: list[Utterance]) -> AsyncGenerator[bytes, None]:
        """Events of the request (see runners/wire.py), as they happen. Closing the stream frees its slots."""
        try:
            async for event in self.speech.speak(utterances):
                yield pack(event)
        except SpeechError as error:
            yield pack(Failed(error))
        except Exception:  # beyond this process there is only the stream: what we did not foresee goes into it too
            log.exception("A request failed in a way that nobody foresaw")
            yield pack(Failed(EngineFailure("The runner failed on this request; the server's log says why.")))

    @bentoml.api
    async def status(self) -> Status:
        return self.speech.status()
