"""The routes under /voices."""

import dataclasses
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.described import BINARY, errors
from api.errors import BuiltInVoice
from api.here import here
from api.paths import prefix_of
from api.runner_client import RunnerClient
from api.voices.bucket import BucketVoices
from api.voices.clip_judge import Verdict, judge
from api.voices.form import DOCUMENTED, LATENTS, ONE_CLIP, read_clip, read_form
from api.voices.library import VoiceLibrary
from api.voices.listing import Judgement, VoiceDescription, VoiceList, VoiceListing
from api.voices.settings import VoiceSettings
from api.voices.store import VoiceStore, already_there
from api.voices.upload import Intake
from runners.conditioning.voice_file import VoiceLatents
from runners.errors import SpeechError
from runners.types import ModelCard, Voice

SPEAKERS_STYLE = "neutral"  # what the one style of a model's speaker is called in a latents file


class VoiceRoutes:
    """Files are read and written in the threads of `run_in_threadpool`: a volume that hangs stops no stream."""

    def __init__(
        self, library: VoiceLibrary, store: VoiceStore | BucketVoices, runner: RunnerClient, intake: Intake
    ) -> None:
        self._library = library
        self._store = store
        self._runner = runner
        self._intake = intake
        self._verdicts: dict[str, Verdict] = {}  # of clips that were judged already, by their digests
        self._listing = VoiceListing(library, store, self._verdicts)

    async def all(self) -> VoiceList:
        return await run_in_threadpool(self._listing.all, await self._runner.model())

    async def one(self, name: str) -> VoiceDescription:
        return await run_in_threadpool(self._listing.one, name, await self._runner.model())

    async def upload(self, request: Request, response: Response) -> VoiceDescription:
        name = await self._take(request)
        response.headers["Location"] = f"{prefix_of(request.scope)}/voices/{quote(name)}"
        return await self.one(name)

    async def _take(self, request: Request) -> str:
        """The name of the voice that is there now, for all processes.

        Raises WrongMediaType, BodyTooLarge, ClientGone, InvalidInput, VoiceExists, UnfitClip, UnreadableLatents,
        ForeignLatents, StorageFailure, StorageAway, EngineFailure, and ModelLoading: latents are computed before a
        voice is taken.
        """
        model = await self._runner.model()
        async with read_form(request) as form:
            if form.name in model.speakers or await run_in_threadpool(self._library.holds, form.name):
                raise already_there(form.name)
            async with contextmanager_in_threadpool(self._store.draft()) as draft:
                taken = await self._intake.fill(form, draft, model)
                for style, voice in taken.styles.items():
                    await self._condition(voice, LATENTS if form.latents else style)
                await run_in_threadpool(self._store.publish, draft, form.name, taken.verdicts)
                self._verdicts |= taken.verdicts
        return form.name

    async def _condition(self, voice: Voice, field: str) -> None:
        """What the model makes no latents of is refused now; what it does is in the cache when the voice is used."""
        try:
            await self._runner.latents({field: voice})
        except SpeechError as error:
            error.param = field
            raise

    async def judge(self, request: Request) -> Judgement:
        """Of a clip that is not to be kept. Raises WrongMediaType, BodyTooLarge, ClientGone, InvalidInput."""
        async with read_clip(request) as clip, self._intake.judging:
            verdict = await run_in_threadpool(lambda: judge(clip.file.read()))
        return Judgement(facts=verdict.facts, faults=list(verdict.faults), warnings=list(verdict.warnings))

    async def delete(self, name: str) -> None:
        """Raises BuiltInVoice for one that was not uploaded, UnknownVoice where there is none."""
        if await run_in_threadpool(self._store.delete, name):
            return
        if not await run_in_threadpool(self._library.holds, name):
            speakers = (await self._runner.model()).speakers
            await run_in_threadpool(self._library.resolve, name, speakers=speakers)
        raise BuiltInVoice(f"Voice {name!r} was not uploaded: whoever runs this server put it there.", param="name")

    async def latents(self, name: str) -> Response:
        """A file that `upload` takes, here or on another server with the same checkpoint."""
        styles, settings = await run_in_threadpool(self._found, name, await self._runner.model())
        file = VoiceLatents.unpack(await self._runner.latents(styles))
        return Response(
            dataclasses.replace(file, settings=settings.model_dump_json(exclude_none=True)).pack(),
            media_type="application/octet-stream",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.safetensors"},
        )

    def _found(self, name: str, model: ModelCard) -> tuple[dict[str, Voice], VoiceSettings]:
        profile = self._library.find(name)
        if profile is None:
            return {SPEAKERS_STYLE: self._library.resolve(name, speakers=model.speakers)}, VoiceSettings()
        blend = dict(profile.default_blend)
        settings = VoiceSettings(language=profile.language, default_blend=blend, licence=profile.licence)
        return self._library.by_style(profile), settings


router = APIRouter(tags=["Voices"], responses=errors(503))
Routes = Annotated[VoiceRoutes, here("voices")]
Name = Annotated[str, Path(examples=["default"])]


@router.get("/voices")
async def list_voices(routes: Routes) -> VoiceList:
    """Every voice that a request may name."""
    return await routes.all()


@router.post("/voices", status_code=201, openapi_extra=DOCUMENTED, responses=errors(409, 507))
async def upload_voice(routes: Routes, request: Request, response: Response) -> VoiceDescription:
    """A new voice: a clip for each style, or a file of latents. What was judged and found poor is in `warnings`."""
    return await routes.upload(request, response)


@router.post("/voices/judge", openapi_extra=ONE_CLIP)
async def judge_clip(routes: Routes, request: Request) -> Judgement:
    """Whether a clip is fit for a voice, and what was measured. It is not kept."""
    return await routes.judge(request)


@router.get("/voices/{name}", responses=errors(404))
async def get_voice(routes: Routes, name: Name) -> VoiceDescription:
    return await routes.one(name)


@router.delete("/voices/{name}", status_code=204, responses=errors(404, 409))
async def delete_voice(routes: Routes, name: Name) -> None:
    """Of those that were uploaded."""
    await routes.delete(name)


@router.get(
    "/voices/{name}/latents",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": BINARY}}, **errors(404, 422)},
)
async def get_latents(routes: Routes, name: Name) -> Response:
    """The voice's latents, as a safetensors file. It stands in for the clips in an upload."""
    return await routes.latents(name)
