"""A validated body in, finished audio out: choose voices, ask the runner, trim, join, encode.

The one path of every generate route: a simple request is a segmented one of a single part. It knows neither routes
nor the engine.
"""

import asyncio
import logging
import secrets
from dataclasses import dataclass

from api.account import charged
from api.assemble import Assembled, Segment, assemble, join_pieces, segments_header
from api.audio import encode, media_type
from api.config import ServerConfig
from api.language import AUTO, LanguageDetector, spelled
from api.record import record
from api.runner_client import RunnerClient, Speech
from api.schemas import Part, SegmentedRequest, Settings, SimpleRequest
from api.voices import VoiceLibrary
from runners.errors import DeadlineExceeded, InvalidInput, SpeechError
from runners.types import ModelCard, Sampling, StopReason, Utterance

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An encoded file, and what the response's headers say of it."""

    body: bytes
    media_type: str
    headers: dict[str, str]


class Synthesis:
    def __init__(
        self, config: ServerConfig, runner: RunnerClient, voices: VoiceLibrary, detector: LanguageDetector
    ) -> None:
        self._config = config
        self._runner = runner
        self._voices = voices
        self._detector = detector

    async def simple(self, body: SimpleRequest) -> Rendered:
        return await self._within_deadline(body, [Part(text=body.text)])

    async def segmented(self, body: SegmentedRequest) -> Rendered:
        return await self._within_deadline(body, body.segments)

    async def _within_deadline(self, body: Settings, parts: list[Part]) -> Rendered:
        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._render(body, parts)
        except TimeoutError:
            limit = f"{self._config.timeout:g} s"
            message = f"Not done within {limit}. Send less text at once, or try when it is quieter."
            raise DeadlineExceeded(message) from None
        except SpeechError as error:
            _name_segment(error, body)
            raise

    async def _render(self, body: Settings, parts: list[Part]) -> Rendered:
        characters = self._count(body, parts)
        model = await self._runner.model()
        seed = secrets.randbelow(2**32) if body.seed is None else body.seed
        utterances = await asyncio.to_thread(self._utterances, body, parts, seed, model)
        async with charged(characters, _text_field(body)):
            spoken = await self._runner.speak(utterances)
        rendered = await asyncio.to_thread(_finish, body, parts, spoken, seed, model.sample_rate)
        rendered.headers["X-Language"] = ", ".join(utterance.language for utterance in utterances)
        return rendered

    def _count(self, body: Settings, parts: list[Part]) -> int:
        characters, limit = sum(len(part.text) for part in parts), self._config.max_text
        if characters > limit:
            message = f"{characters} characters are too many: a request may have {limit}."
            raise InvalidInput(message, param=_text_field(body))
        return characters

    def _utterances(self, body: Settings, parts: list[Part], seed: int, model: ModelCard) -> list[Utterance]:
        utterances = []
        for index, part in enumerate(parts):
            try:
                utterances.append(self._utterance(body, part, seed, model))
            except SpeechError as error:
                raise error.at(index) from error
        return utterances

    def _utterance(self, body: Settings, part: Part, seed: int, model: ModelCard) -> Utterance:
        """What the part leaves out comes from the request, but for the style of another voice: that is its own."""
        voice = part.voice or body.voice
        style = body.style if part.style is None and voice == body.voice else part.style
        resolved = self._voices.resolve(voice, style, speakers=model.speakers)
        record().voices[voice] = None
        return Utterance(
            text=part.text,
            voice=resolved,
            language=self._language(body, part, voice, model),
            seed=seed if part.seed is None else part.seed,
            speed=body.speed if part.speed is None else part.speed,
            sampling=Sampling(body.temperature, body.top_k, body.top_p, body.repetition_penalty),
        )

    def _language(self, body: Settings, part: Part, voice: str, model: ModelCard) -> str:
        said = part.language or body.language
        own = self._language_of(voice)
        if said and said.lower() == AUTO:
            return self._detector.detect(part.text, model.languages, own)
        return spelled(said or own, model.languages)

    def _language_of(self, voice: str) -> str:
        profile = self._voices.find(voice)  # None: a speaker of the checkpoint, which has no language of its own
        return (profile and profile.language) or self._config.default_language


def _finish(body: Settings, parts: list[Part], spoken: list[Speech], seed: int, rate: int) -> Rendered:
    """From samples to the answer. Takes as long as the audio is long, so it belongs in a thread."""
    if cut := sum(done.stop_reason is StopReason.LIMIT for speech in spoken for done in speech.done):
        log.warning("%d of the model's utterances ran into its longest length and were cut there", cut)
    segments = [
        Segment(join_pieces(speech.pieces, rate), part.pause_after) for speech, part in zip(spoken, parts, strict=True)
    ]
    audio = assemble(segments, rate, trim=body.trim_silence)
    encoded = encode(audio.samples, body.output_format, rate)
    return Rendered(encoded, media_type(body.output_format, rate), _headers(body, seed, rate, audio))


def _text_field(body: Settings) -> str:
    return "segments" if isinstance(body, SegmentedRequest) else "text"


def _name_segment(error: SpeechError, body: Settings) -> None:
    """Make the fault's field a path, where it is a segment's own and not one that it took from the request."""
    if isinstance(body, SegmentedRequest) and error.utterance is not None:
        own = body.segments[error.utterance].model_fields_set
        if error.param in own:
            error.param = f"segments.{error.utterance}.{error.param}"


def _headers(body: Settings, seed: int, rate: int, audio: Assembled) -> dict[str, str]:
    headers = {
        "X-Seed": str(seed),
        "X-Audio-Duration": f"{len(audio.samples) / rate:.3f}",
        "X-Sample-Rate": str(rate),
    }
    if isinstance(body, SegmentedRequest):
        headers["X-Segments"] = segments_header(audio.spans)
    return headers
