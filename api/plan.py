"""From a validated body to what the runner is asked for: voices, languages and seeds chosen. Synthesizes nothing."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool

from api.audio.formats import rate_of
from api.audio.recording import AudioSpec
from api.audio.subtitles import Cue
from api.config import ServerConfig
from api.language import AUTO, LanguageDetector, matched_language
from api.observe.record import record
from api.pronunciations import ServerLexicon
from api.reading import Line, by_sentence, lines
from api.runner_client import RunnerClient
from api.schemas import MAX_SILENCE, Part, SegmentedRequest, Settings, SimpleRequest
from api.sent_voice import SentVoice, name_of
from api.voices.library import VoiceLibrary
from api.voices.visitors import Visitors
from runners.errors import InvalidInput, SpeechError
from runners.text.lexicon import Pronunciations
from runners.types import ModelCard, Sampling, Utterance

Body = SimpleRequest | SegmentedRequest
MOST_SENT = 16  # files that a request may bring, in all of its voices: clips or latents
MAX_PHRASES = 400  # of a request: twice as many as segments


@dataclass(frozen=True, slots=True)
class Phrase:
    """A stretch of a part, between its pauses."""

    part: int  # index in the request
    utterance: Utterance
    pause: float  # seconds after it
    source: str = ""  # what is said, in the words of the request


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, ready for the runner. All that is known of the answer before the first sample is in here."""

    phrases: list[Phrase]
    audio: AudioSpec
    seed: int
    characters: int
    text_field: str  # where the text is, in the request

    @property
    def utterances(self) -> list[Utterance]:
        return [phrase.utterance for phrase in self.phrases]

    @property
    def headers(self) -> dict[str, str]:
        languages = {phrase.part: phrase.utterance.language for phrase in self.phrases}
        silent = not any(phrase.utterance.text for phrase in self.phrases)
        return {
            "X-Seed": str(self.seed),
            "X-Sample-Rate": str(self.audio.file_rate),
            "X-Language": ", ".join(languages.values()),
            "Content-Disposition": f'attachment; filename="speech.{self.audio.format}"',
            **({"X-Nothing-To-Say": "true"} if silent else {}),
        }


def _text_field(body: Settings) -> str:
    return "segments" if isinstance(body, SegmentedRequest) else "text"


def cues(phrases: Sequence[Phrase], spans: Sequence[Sequence[float]]) -> list[Cue]:
    """`spans`: start and end in seconds of each phrase."""
    return [Cue(start, end, phrase.source, phrase.part) for phrase, (start, end) in zip(phrases, spans, strict=True)]


class Planner:
    def __init__(
        self, config: ServerConfig, runner: RunnerClient, voices: VoiceLibrary, detector: LanguageDetector
    ) -> None:
        self._config = config
        self._lexicon = ServerLexicon(config.lexicon)
        self._runner = runner
        self._voices = voices
        self._detector = detector
        self.visitors = Visitors(config.visitors_dir, runner)

    async def plan(self, body: Body) -> Plan:
        """Raises InvalidInput, UnknownVoice, BrokenVoice, ModelLoading, and what an upload raises."""
        parts = body.parts
        text_field = _text_field(body)
        characters = self._count([part.text for part in parts], text_field)
        model = await self._runner.model()
        await self._keep_sent(body, parts)
        seed = secrets.randbelow(2**32) if body.seed is None else body.seed
        phrases = await run_in_threadpool(self.phrases, body, parts, seed, model)
        if len(phrases) > MAX_PHRASES:  # each has its span in a header
            message = f"Pauses part the text of a request into {MAX_PHRASES} phrases at most; here are {len(phrases)}."
            raise InvalidInput(message, param=text_field)
        phrases[0] = replace(phrases[0], utterance=replace(phrases[0].utterance, brief_start=True))
        return Plan(
            phrases=phrases,
            audio=self.audio(body, parts, phrases, model, trim=body.trim_silence),
            seed=seed,
            characters=characters,
            text_field=text_field,
        )

    async def _keep_sent(self, body: Body, parts: Sequence[Part]) -> None:
        """So that the library finds the voices that came inside of the request. Raises what an upload raises."""
        every = [part.voice for part in (body, *parts) if isinstance(part.voice, SentVoice)]
        sent = await run_in_threadpool(lambda: {voice.name: voice for voice in every})
        if (files := sum(len(voice.clips or [voice.latents]) for voice in sent.values())) > MOST_SENT:
            message = f"The voices inside of a request may have {MOST_SENT} files in all; here are {files}."
            raise InvalidInput(message, param="segments")
        if isinstance(body.voice, SentVoice):
            await self.visitors.keep(body.voice)
        for index, part in enumerate(parts):
            if isinstance(part.voice, SentVoice):
                try:
                    await self.visitors.keep(part.voice)
                except SpeechError as error:
                    raise error.at(index) from error

    async def reading(
        self, text: str, language: str, pronunciations: Pronunciations, voice: str | None = None
    ) -> list[Line]:
        """What would be read of a text, with that voice's own respellings. Raises InvalidInput, UnknownVoice,
        BrokenVoice, ModelLoading."""
        self._count([text], "text")
        model = await self._runner.model()
        if language.lower() == AUTO:
            found = self._detector.detect(text, model.languages, self._config.default_language)
        else:
            found = matched_language(language, model.languages)
        own = await run_in_threadpool(self._pronunciations, voice, model) if voice else {}
        return await run_in_threadpool(lines, text, found, (pronunciations, own, self._lexicon.terms), normalize=True)

    def _pronunciations(self, voice: str, model: ModelCard) -> Pronunciations:
        self._voices.resolve(voice, speakers=model.speakers)  # raises where there is none
        profile = self._voices.leading(voice)
        return profile.pronunciations if profile else {}

    def _count(self, texts: list[str], text_field: str) -> int:
        characters, limit = sum(map(len, texts)), self._config.max_text
        if characters > limit:
            message = f"{characters} characters are too many: a request may have {limit}."
            raise InvalidInput(message, param=text_field)
        return characters

    def phrases(self, body: Settings, parts: Sequence[Part], seed: int, model: ModelCard) -> list[Phrase]:
        """At least one for each part. Raises SpeechError, which knows the part."""
        phrases: list[Phrase] = []
        for index, part in enumerate(parts):
            try:
                phrases += self._phrases(index, body, part, seed, model)
            except SpeechError as error:
                raise error.at(index) from error
        # And a moment for each that has nothing to say.
        if sum(phrase.pause for phrase in phrases) > MAX_SILENCE + len(phrases):
            message = f"The pauses of a request may sum up to {MAX_SILENCE:g} seconds."
            raise InvalidInput(message, param=_text_field(body))
        return phrases

    def audio(
        self, body: Settings, parts: Sequence[Part], phrases: list[Phrase], model: ModelCard, *, trim: bool
    ) -> AudioSpec:
        """What the file is to be. Of several voices the first one's loudness counts. Raises BrokenVoice."""
        profile = self._voices.leading(name_of(parts[0].voice or body.voice))
        own = profile.loudness if profile else None
        return AudioSpec(
            format=body.output_format,
            rate=model.sample_rate,
            pauses=[phrase.pause for phrase in phrases],
            trim=trim,
            sample_rate=rate_of(body.output_format, body.sample_rate, model.sample_rate),
            loudness=own if body.loudness is None else body.loudness,
        )

    def _phrases(self, index: int, body: Settings, part: Part, seed: int, model: ModelCard) -> list[Phrase]:
        utterance = self._utterance(body, part, seed, model)
        profile = self._voices.leading(name_of(part.voice or body.voice))
        sources = (body.pronunciations or {}, profile.pronunciations if profile else {}, self._lexicon.terms)
        read = lines(part.text, utterance.language, sources, normalize=body.normalize)
        if body.subtitles:
            read = [sentence for line in read for sentence in by_sentence(line, utterance.language)]
        phrases = [
            Phrase(index, replace(utterance, text=line.text), line.pause, line.source(part.text)) for line in read
        ]
        phrases[-1] = replace(phrases[-1], pause=phrases[-1].pause + part.pause_after)
        return phrases

    def _utterance(self, body: Settings, part: Part, seed: int, model: ModelCard) -> Utterance:
        """What the part leaves out comes from the request, but for the style of another voice: that is its own."""
        voice, shared = name_of(part.voice or body.voice), name_of(body.voice)
        style = body.style if part.style is None and voice == shared else part.style
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
        named = part.language or body.language
        profile = self._voices.leading(voice)
        own = (profile and profile.language) or self._config.default_language
        if named and named.lower() == AUTO:
            return self._detector.detect(part.text, model.languages, own)
        return matched_language(named or own, model.languages)
