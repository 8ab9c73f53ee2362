"""The route beside OpenAI's that pipecat-xtts-vllm calls. What it gives comes back in `/v1/audio/speech`."""

import base64
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from api.body import Body as RequestBody
from api.compatible.latents import Holder
from api.described import OpenAIErrorBody, errors
from api.sent_voice import MOST_CLIPS, Base64


class Clips(RequestBody):
    model_config = ConfigDict(extra="ignore")

    speaker_files: list[Base64] = Field(min_length=1, max_length=MOST_CLIPS)


class Conditioning(BaseModel):
    """Float32, little-endian, in base64."""

    gpt_cond_latent_b64: str
    speaker_embeddings_b64: str


router = APIRouter(prefix="/v1", tags=["pipecat-xtts-vllm"], responses=errors(503, body=OpenAIErrorBody))


@router.post("/tts/conditioning")
async def conditioning(holder: Holder, asked: Annotated[Clips, Body()]) -> Conditioning:
    """The latents of clips, which are not stored."""
    latents = await holder.of_clips(asked.speaker_files)
    arrays = (latents.gpt_cond_latent, latents.speaker_embedding)
    gpt, speaker = (base64.b64encode(array.astype("<f4").tobytes()).decode() for array in arrays)
    return Conditioning(gpt_cond_latent_b64=gpt, speaker_embeddings_b64=speaker)
