"""Latents as other servers' clients hold them: arrays that the server gave, and that come back with each request."""

from typing import Annotated, Final

import numpy as np
from fastapi.concurrency import run_in_threadpool
from numpy.typing import ArrayLike

from api.here import here
from api.runner_client import RunnerClient
from api.sent_voice import SentVoice, packed
from api.synthesis import Synthesis
from api.voices.library import VoiceLibrary
from api.voices.visitors import Visitors
from runners.conditioning.voice_file import StyleLatents, VoiceLatents

STYLE: Final = "neutral"


class LatentsHolder:
    """What the routes of such servers need."""

    def __init__(self, synthesis: Synthesis, runner: RunnerClient, library: VoiceLibrary, visitors: Visitors) -> None:
        self.synthesis = synthesis
        self._runner = runner
        self._library = library
        self._visitors = visitors

    async def of_clips(self, clips: list[bytes]) -> StyleLatents:
        """Raises what an upload raises."""
        sent = SentVoice(clips=clips)
        await self._visitors.keep(sent)
        return await self.of_voice(sent.name)

    async def of_voice(self, name: str) -> StyleLatents:
        """Its default blend, as one."""
        speakers = (await self._runner.model()).speakers
        voice = await run_in_threadpool(self._library.resolve, name, speakers=speakers)
        return VoiceLatents.unpack(await self._runner.latents({STYLE: voice})).styles[STYLE]

    async def of_all(self) -> dict[str, StyleLatents]:
        speakers = (await self._runner.model()).speakers
        names = await run_in_threadpool(self._library.names, speakers)
        return {name: await self.of_voice(name) for name in names}

    async def sent(self, gpt_cond_latent: ArrayLike, speaker_embedding: ArrayLike) -> SentVoice:
        """Raises UnreadableLatents."""
        return await run_in_threadpool(packed, gpt_cond_latent, speaker_embedding, await self._runner.model())


Holder = Annotated[LatentsHolder, here("latents")]


def listed(latents: StyleLatents) -> dict[str, list[float]]:
    """As xtts-streaming-server writes them: (32, dim) and (512)."""
    return {
        "gpt_cond_latent": np.squeeze(latents.gpt_cond_latent, 0).tolist(),
        "speaker_embedding": latents.speaker_embedding.ravel().tolist(),
    }
