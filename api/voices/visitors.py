"""Keeps voices that came inside of requests: their latents, by what they were made of, in a folder that nothing lists.

The clips themselves are gone when the request is planned. The voices that were used last are kept, MOST of them.
"""

import io
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from starlette.datastructures import UploadFile

from api.errors import VoiceExists
from api.runner_client import RunnerClient
from api.sent_voice import SentVoice
from api.voices.folder import LATENTS_FILE
from api.voices.form import LARGEST_CLIP, VoiceForm
from api.voices.settings import SETTINGS_FILE
from api.voices.store import VoiceStore
from api.voices.upload import Intake
from runners.errors import InvalidInput, SpeechError
from runners.types import Voice

MOST: Final = 256
AHEAD: Final = 60 * 10**9  # nanoseconds that the clock of another server may be


class Visitors:
    def __init__(self, folder: Path, runner: RunnerClient, most: int = MOST) -> None:
        self._store = VoiceStore(folder)
        self._runner = runner
        self.intake = Intake()  # also of uploads
        self._most = most

    async def keep(self, sent: SentVoice) -> None:
        """From now on the library finds it by its name. Raises what an upload raises, of the field `voice`."""
        if await run_in_threadpool(self._used, sent):
            return
        try:
            await self._take(sent)
        except VoiceExists:  # another request was faster
            return
        except SpeechError as error:
            error.param = "voice"
            raise
        await run_in_threadpool(self._forget_oldest)

    async def _take(self, sent: SentVoice) -> None:
        model = await self._runner.model()
        form = await run_in_threadpool(_form, sent)
        async with contextmanager_in_threadpool(self._store.draft()) as draft:
            taken = await self.intake.fill(form, draft, model)
            latents = await self._runner.latents({style: _passing(voice) for style, voice in taken.styles.items()})
            async with contextmanager_in_threadpool(self._store.draft()) as voice:
                settings = taken.settings.model_copy(update={"references": None})
                await run_in_threadpool(voice.write, LATENTS_FILE, latents)
                await run_in_threadpool(voice.write, SETTINGS_FILE, settings.to_yaml())
                await run_in_threadpool(self._store.publish, voice, sent.name)

    def _used(self, sent: SentVoice) -> bool:
        """Whether it is there, which counts as a use."""
        folder = self._store.folder / sent.name
        try:
            os.utime(folder, ns=(time.time_ns(), folder.stat().st_mtime_ns))
        except OSError:
            return False
        return True

    def _forget_oldest(self) -> None:
        """Those that were used in the future, by a clock that was set back since, are older than all others."""
        there: list[tuple[int, str]] = []
        future = time.time_ns() + AHEAD
        for entry in os.scandir(self._store.folder):
            if not entry.name.startswith("."):
                with suppress(FileNotFoundError):  # another request has forgotten it
                    used = entry.stat().st_atime_ns
                    there.append((used if used < future else 0, entry.name))
        for _, name in sorted(there)[: -self._most]:
            self._store.delete(name)


def _passing(voice: Voice) -> Voice:
    return Voice(tuple(replace(reference, kept=False) for reference in voice.references))


def _form(sent: SentVoice) -> VoiceForm:
    """As it would have been uploaded."""
    clips = {f"clip{index}": raw for index, raw in enumerate(sent.clips or [], 1)}
    for name, raw in clips.items():
        if len(raw) > LARGEST_CLIP:
            raise InvalidInput(f"{name}: is {len(raw)} bytes large; at most {LARGEST_CLIP} are taken.")
    files = {name: UploadFile(io.BytesIO(raw)) for name, raw in clips.items()}
    return VoiceForm("", sent.language, files, None if sent.latents is None else UploadFile(io.BytesIO(sent.latents)))
