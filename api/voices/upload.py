"""Takes a voice in: checks its form, judges its clips, lets the model hear them, and only then lets it be a voice."""

import asyncio
import dataclasses
import hashlib
from pathlib import PurePath

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.language import matched_language
from api.runner_client import RunnerClient
from api.voices.clip_judge import judge
from api.voices.folder import AUDIO, LATENTS_FILE, check_voice
from api.voices.form import LATENTS, VoiceForm, read_form
from api.voices.library import VoiceLibrary
from api.voices.settings import SETTINGS_FILE, Fault, VoiceSettings, faults_of
from api.voices.store import Draft, VoiceStore, already_there
from runners.conditioning.voice_file import VoiceLatents
from runners.errors import InvalidInput, SpeechError, UnreadableLatents
from runners.types import ModelCard, Reference, Voice


class UnfitClip(InvalidInput):
    type = "unfit_clip"


class VoiceUploads:
    def __init__(self, store: VoiceStore, library: VoiceLibrary, runner: RunnerClient) -> None:
        self._store = store
        self._library = library
        self._runner = runner
        self._judging = asyncio.Semaphore(1)  # a decoded clip takes tens of megabytes: one at a time

    async def take(self, request: Request) -> str:
        """The name of the voice that is there now, for all processes.

        Raises what `read_form` raises, VoiceExists, UnfitClip, UnreadableLatents, ForeignLatents, StorageFailure, and
        ModelLoading: a voice is heard before it is taken.
        """
        model = await self._runner.model()
        async with read_form(request) as sent:
            form = _matched_language(sent, model)
            if self._library.folder_of(form.name) or form.name in model.speakers:
                raise already_there(form.name)
            with self._store.draft() as draft:
                take = self._take_clips if form.latents is None else self._take_latents
                settings, styles = await take(form, draft)
                if settings.language is not None:
                    matched_language(settings.language, model.languages)
                for style, voice in styles.items():
                    await self._hear(voice, LATENTS if form.latents else style)
                await asyncio.to_thread(self._store.publish, draft, form.name)
        return form.name

    async def _take_clips(self, form: VoiceForm, draft: Draft) -> tuple[VoiceSettings, dict[str, Voice]]:
        references: dict[str, Reference] = {}
        faults: list[tuple[str, str]] = []
        for style, clip in form.clips.items():
            async with self._judging:
                raw = await clip.read()
                verdict = await asyncio.to_thread(judge, raw)
                faults += [(style, fault) for fault in verdict.faults]
                references[style] = await _write(draft, f"{style}{_ending(clip)}", raw)
        if faults:
            raise UnfitClip(" ".join(f"{style}: {fault}" for style, fault in faults), param=faults[0][0])
        files = {style: PurePath(reference.path).name for style, reference in references.items()}
        settings = VoiceSettings(language=form.language, references=files)
        await _write(draft, SETTINGS_FILE, settings.to_yaml())
        return settings, {style: Voice((reference,)) for style, reference in references.items()}

    async def _take_latents(self, form: VoiceForm, draft: Draft) -> tuple[VoiceSettings, dict[str, Voice]]:
        assert form.latents is not None
        raw = await form.latents.read()
        try:
            file = await asyncio.to_thread(VoiceLatents.unpack, raw)
            settings = VoiceSettings.model_validate_json(file.settings)
            settings = settings.model_copy(update={"language": form.language or settings.language})
            reference = await _write(draft, LATENTS_FILE, raw)
            await _write(draft, SETTINGS_FILE, settings.to_yaml())
            await asyncio.to_thread(check_voice, draft.folder)
        except UnreadableLatents as error:
            raise UnreadableLatents(f"{LATENTS}: {error.message}", param=LATENTS) from error
        except (Fault, ValidationError) as error:
            fault = faults_of(error) if isinstance(error, ValidationError) else error
            raise UnreadableLatents(
                f"{LATENTS}: what it says of the voice is wrong: {fault}.", param=LATENTS
            ) from error
        kept = {style: Reference(reference.path, reference.digest, style=style) for style in file.styles}
        return settings, {style: Voice((each,)) for style, each in kept.items()}

    async def _hear(self, voice: Voice, field: str) -> None:
        """What the model cannot hear is refused now; what it can is in the cache when the voice is first used."""
        try:
            await self._runner.latents({field: voice})
        except SpeechError as error:
            error.param = field
            raise


async def _write(draft: Draft, name: str, raw: bytes) -> Reference:
    path = await asyncio.to_thread(draft.write, name, raw)
    return Reference(str(path), hashlib.sha256(raw).hexdigest())


def _ending(clip: UploadFile) -> str:
    """For people and their tools: what a clip is, its bytes say."""
    ending = PurePath(clip.filename or "").suffix.lower()
    return ending if AUDIO.fullmatch(f"clip{ending}") else ".clip"


def _matched_language(form: VoiceForm, model: ModelCard) -> VoiceForm:
    """Its language as the model spells it."""
    if form.language is None:
        return form
    return dataclasses.replace(form, language=matched_language(form.language, model.languages))
