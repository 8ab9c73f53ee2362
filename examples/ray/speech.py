"""An engine inside a Ray actor: rows in, files out. No server, the same texts, voices and samples as one."""

import asyncio
import os
import zlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import fsspec

from runners.cpu import settle_openmp
from runners.types import Event, Failed, ModelCard, Utterance

UNLIMITED = {"XTTS_RESERVED_SLOTS": "0", "XTTS_MAX_WAITING": "100000"}  # nobody else asks
OUTCOME = ("id", "file", "seed", "duration", "error")


class Speech:
    def __init__(self, output: str) -> None:
        os.environ.update(UNLIMITED)
        settle_openmp()  # before torch comes, with all that is imported next
        from api.config import ServerConfig
        from api.language import LanguageDetector
        from api.plan import Planner
        from api.runner_client import RunnerClient
        from api.synthesis import Synthesis
        from api.voices.library import VoiceLibrary
        from runners.config import EngineConfig
        from runners.synthesizer import Synthesizer

        speech = Synthesizer.load(EngineConfig.from_env())

        class InProcess(RunnerClient):
            def __init__(self) -> None: ...

            async def model(self) -> ModelCard:
                return speech.status().model

            async def events(
                self, utterances: Sequence[Utterance], *, listening: bool = False
            ) -> AsyncGenerator[Event, None]:
                async for event in speech.synthesize(utterances):
                    if isinstance(event, Failed):
                        raise event.error
                    yield event

        config, runner = ServerConfig.from_env(), InProcess()
        voices = VoiceLibrary(config.voices_dir, config.uploads_dir)
        self._synthesis = Synthesis(Planner(config, runner, voices, LanguageDetector()), runner, timeout=86_400)
        self._files, self._output = fsspec.url_to_fs(output)

    async def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Every row is a request of its own, all at once: the engine batches what is there."""
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        made = await asyncio.gather(*map(self._row, rows))
        return {name: [row.get(name) for row in made] for name in OUTCOME}

    async def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        from api.names import is_name
        from api.schemas import SimpleRequest
        from runners.errors import SpeechError

        id = str(row.pop("id"))
        fields = {name: value for name, value in row.items() if value is not None and value == value}  # nor NaN
        try:
            if not is_name(id, 100):
                raise ValueError("id: letters, digits, spaces and . _ - ' ( ) name the row's file")
            body = SimpleRequest(**{"seed": zlib.crc32(id.encode()), "output_format": "flac", **fields})
            rendered = await self._synthesis.whole(body)
        except (SpeechError, ValueError) as error:
            return {"id": id, "error": str(error)}
        name = f"audio/{id}.{rendered.format}"
        await asyncio.to_thread(self._files.pipe_file, f"{self._output}/{name}", rendered.body)
        return {"id": id, "file": name, "seed": body.seed, "duration": float(rendered.headers["X-Audio-Duration"])}
