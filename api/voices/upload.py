"""Takes what is sent of a voice into a draft: clips, each judged, or latents.

What blocks (files, decoders) runs in the threads of `run_in_threadpool`, where it holds up neither the event loop nor
the threads in which streams are encoded.
"""

import asyncio
import dataclasses
import hashlib
from pathlib import PurePath
from typing import Final

from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from api.language import matched_language
from api.voices.clip_judge import Verdict, judge
from api.voices.folder import AUDIO, LATENTS_FILE, check_voice
from api.voices.form import LATENTS, VoiceForm
from api.voices.settings import SETTINGS_FILE, Fault, VoiceSettings, faults_of
from api.voices.store import Draft
from runners.conditioning.voice_file import VoiceLatents
from runners.errors import InvalidInput, UnreadableLatents
from runners.types import ModelCard, Reference, Voice

AT_ONCE: Final = 4  # clips that are judged: each takes 150 MB at most, and a slow one must not stop other uploads


class UnfitClip(InvalidInput):
    type = "unfit_clip"


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """What a draft holds now."""

    settings: VoiceSettings
    styles: dict[str, Voice]  # each by itself
    verdicts: dict[str, Verdict]  # by the clips' digests


class Intake:
    """Judges what is sent, and writes it to a draft. One for all of a process, for the sake of its memory."""

    def __init__(self) -> None:
        self.judging = asyncio.Semaphore(AT_ONCE)

    async def fill(self, form: VoiceForm, draft: Draft, model: ModelCard) -> Taken:
        """Raises UnfitClip, UnreadableLatents, InvalidInput, StorageFailure."""
        if form.language is not None:
            form = dataclasses.replace(form, language=matched_language(form.language, model.languages))
        if form.latents is None:
            taken = await self._take_clips(form, draft)
        else:
            settings, styles = await run_in_threadpool(_take_latents, form.latents, form.language, draft)
            taken = Taken(settings, styles, {})
        if taken.settings.language is not None:
            matched_language(taken.settings.language, model.languages)
        return taken

    async def _take_clips(self, form: VoiceForm, draft: Draft) -> Taken:
        references: dict[str, Reference] = {}
        verdicts: dict[str, Verdict] = {}
        faults: list[tuple[str, str]] = []
        for style, clip in form.clips.items():
            async with self.judging:
                verdict, reference = await run_in_threadpool(_take_clip, style, clip, draft)
            faults += [(style, fault) for fault in verdict.faults]
            if reference is not None:
                references[style] = reference
                verdicts[reference.digest] = verdict
        if faults:
            raise UnfitClip(" ".join(f"{style}: {fault}" for style, fault in faults), param=faults[0][0])
        files = {style: PurePath(reference.path).name for style, reference in references.items()}
        settings = VoiceSettings(language=form.language, references=files)
        await run_in_threadpool(draft.write, SETTINGS_FILE, settings.to_yaml())
        return Taken(settings, {style: Voice((reference,)) for style, reference in references.items()}, verdicts)


def _take_clip(style: str, clip: UploadFile, draft: Draft) -> tuple[Verdict, Reference | None]:
    """Judges the clip and, if it is fit, writes it to the draft. Only here it is held in memory."""
    raw = clip.file.read()
    verdict = judge(raw)
    return verdict, None if verdict.faults else _write(draft, f"{style}{_ending(clip)}", raw)


def _take_latents(sent: UploadFile, language: str | None, draft: Draft) -> tuple[VoiceSettings, dict[str, Voice]]:
    raw = sent.file.read()
    try:
        file = VoiceLatents.unpack(raw)
        settings = VoiceSettings.model_validate_json(file.settings)
        settings = settings.model_copy(update={"language": language or settings.language})
        reference = _write(draft, LATENTS_FILE, raw)
        draft.write(SETTINGS_FILE, settings.to_yaml())
        check_voice(draft.folder)
    except UnreadableLatents as error:
        raise UnreadableLatents(f"{LATENTS}: {error.message}", param=LATENTS) from error
    except (Fault, ValidationError) as error:
        fault = faults_of(error) if isinstance(error, ValidationError) else error
        raise UnreadableLatents(f"{LATENTS}: its settings of the voice are wrong: {fault}.", param=LATENTS) from error
    kept = {style: Reference(reference.path, reference.digest, style=style) for style in file.styles}
    return settings, {style: Voice((each,)) for style, each in kept.items()}


def _write(draft: Draft, name: str, raw: bytes) -> Reference:
    return Reference(str(draft.write(name, raw)), hashlib.sha256(raw).hexdigest())


def _ending(clip: UploadFile) -> str:
    """For people and their tools; a clip is read by its bytes, whatever its ending."""
    ending = PurePath(clip.filename or "").suffix.lower()
    return ending if AUDIO.fullmatch(f"clip{ending}") else ".clip"
