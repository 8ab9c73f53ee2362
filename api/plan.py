"""From a validated body to what the runner is asked for: voices, languages and seeds chosen. Synthesizes nothing."""

import secrets
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from api.audio.recording import AudioSpec
from api.config import ServerConfig
from api.language import AUTO, LanguageDetector, matched_language
from api.observe.record import record
from api.runner_client import RunnerClient
from api.schemas import Part, SegmentedRequest, Settings, SimpleRequest
from api.voices.library import VoiceLibrary
from runners.errors import InvalidInput, SpeechError
from runners.types import ModelCard, Sampling, Utterance

Body = SimpleRequest | SegmentedRequest


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, ready for the runner. All that is known of the answer before the first sample is in here."""

    utterances: list[Utterance]
    audio: AudioSpec
    seed: int
    characters: int
    text_field: str  # where the text is, in the request

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-Seed": str(self.seed),
            "X-Sample-Rate": str(self.audio.rate),
            "X-Language": ", ".join(utterance.language for utterance in self.utterances),
        }


class Planner:
    def __init__(
        self, config: ServerConfig, runner: RunnerClient, voices: VoiceLibrary, detector: LanguageDetector
    ) -> None:
        self._config = config
        self._runner = runner
        self._voices = voices
        self._detector = detector

    async def plan(self, body: Body) -> Plan:
        """Raises InvalidInput, UnknownVoice, BrokenVoice, ModelLoading."""
        parts = body.parts
        text_field = "segments" if isinstance(body, SegmentedRequest) else "text"
        characters = self._count(parts, text_field)
        model = await self._runner.model()
        seed = secrets.randbelow(2**32) if body.seed is None else body.seed
        return Plan(
            utterances=await run_in_threadpool(self.utterances, body, parts, seed, model),
            audio=AudioSpec(
                body.output_format, model.sample_rate, [part.pause_after for part in parts], body.trim_silence
            ),
            seed=seed,
            characters=characters,
            text_field=text_field,
        )

    def _count(self, parts: list[Part], text_field: str) -> int:
        characters, limit = sum(len(part.text) for part in parts), self._config.max_text
        if characters > limit:
            message = f"{characters} characters are too many: a request may have {limit}."
            raise InvalidInput(message, param=text_field)
        return characters

    def utterances(self, body: Settings, parts: list[Part], seed: int, model: ModelCard) -> list[Utterance]:
        """One for each part. Raises SpeechError, which knows the part."""
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
        return matched_language(said or own, model.languages)

    def _language_of(self, voice: str) -> str:
        profile = self._voices.find(voice)  # None: a speaker of the checkpoint, which has no language of its own
        return (profile and profile.language) or self._config.default_language
