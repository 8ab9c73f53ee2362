"""Upstream's model behind a lock: one request at a time, first come first served, as its users serve it.

To its favour a request's texts are sent one by one as they are said, so that the first is heard before the last is
ready. Knows nothing of our engine.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import bentoml
import torch
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from api.audio.formats import encode
from api.schemas import SegmentedRequest
from api.sent_voice import name_of
from benchmarks.texts import LANGUAGE
from runners.config import EngineConfig
from runners.xtts.checkpoint import choose_device, sampling_defaults

CONFIG = EngineConfig.from_env()

app = FastAPI()


@bentoml.asgi_app(app)
@bentoml.service(name="Locked", traffic={"timeout": 3600})
class Locked:
    def __init__(self) -> None:
        self.xtts = upstream(Path(CONFIG.model))
        self.lock = asyncio.Lock()  # a request's turn
        self.thread = ThreadPoolExecutor(max_workers=1)  # what a client who left has begun ends before the next begins

    @app.post("/generate/stream")
    async def stream(self, body: SegmentedRequest) -> Response:
        return StreamingResponse(self._say(body), media_type="audio/pcm")

    async def _say(self, body: SegmentedRequest) -> AsyncIterator[bytes]:
        loop, language = asyncio.get_running_loop(), body.language or LANGUAGE
        voice = name_of(body.voice)
        async with self.lock:
            for segment in body.segments:
                yield await loop.run_in_executor(self.thread, self._inference, segment.text, voice, language)

    def _inference(self, text: str, voice: str, language: str) -> bytes:
        speaker = self.xtts.speaker_manager.speakers[voice]
        latents = {name: speaker[name] for name in ("gpt_cond_latent", "speaker_embedding")}
        said = self.xtts.inference(text, language, **latents, **asdict(sampling_defaults(self.xtts.config)))
        return encode(said["wav"], "pcm", self.xtts.args.output_sample_rate)


def upstream(folder: Path) -> Xtts:
    """Loaded as upstream's own documentation does it."""
    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    xtts = Xtts(config)
    xtts.load_checkpoint(config, checkpoint_dir=folder, eval=True)
    return xtts.to(choose_device(CONFIG.device, 0, torch.cuda.device_count()))
