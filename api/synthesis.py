"""A validated body in, finished audio out: choose voices, ask the runner, trim, join, encode.

The one path of every generate route. It knows neither routes nor the engine.
"""

import asyncio
import secrets
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from api.assemble import Assembled, assemble, declick, trim_silence
from api.audio import encode, media_type
from api.config import ServerConfig
from api.runner_client import RunnerClient, Speech
from api.schemas import Segment, SegmentedRequest, Settings, SimpleRequest
from api.voices import VoiceLibrary
from runners.errors import DeadlineExceeded, InvalidInput
from runners.types import ModelCard, Sampling, Utterance


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer: encoded audio and what the response's headers say of it."""

    body: bytes
    media_type: str
    seed: int
    rate: int  # Hz
    audio: Assembled


"""
"""
