"""The form that a voice is uploaded in: `name`, `language`, and either a clip for each style or a latents file.

    curl localhost:3000/voices -F name=anna -F language=hu -F neutral=@a.wav -F excitement=@b.mp3
    curl localhost:3000/voices -F name=anna -F latents=@anna.safetensors

OpenAI's own form, under /v1/, has its one clip as `audio_sample`, and a `consent`, which nobody here asks for.
A file's field is the name of its style. Judges no file but by its size.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from api.errors import BodyTooLarge, ClientGone, WrongMediaType
from api.names import LONGEST, NAME_RULE, composed, is_name
from api.paths import OPENAI
from api.sent_voice import MOST_CLIPS
from runners.conditioning.voice_file import LARGEST as LARGEST_LATENTS
from runners.errors import InvalidInput

TEXTS: Final = ("name", "language")
LATENTS: Final = "latents"
SAMPLE, CONSENT, SAMPLES_STYLE = "audio_sample", "consent", "neutral"  # OpenAI's fields, and the style of its clip
LARGEST_CLIP: Final = 32 * 2**20  # bytes: a minute at 96 kHz, 24 bit, stereo
LARGEST_UPLOAD: Final = 64 * 2**20  # bytes
EXAMPLE: Final = "-F name=anna -F language=hu -F neutral=@clip.wav"
CLIP: Final = "clip"  # the one field of a form that is only judged
ONE_EXAMPLE: Final = f"-F {CLIP}=@clip.wav"


def _documented(fields: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    """For a route's `openapi_extra`: its form, which is read by hand."""
    schema = {"type": "object", "required": required, "properties": fields, **more}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


_FILE: Final = {"type": "string", "format": "binary"}
_CLIP: Final = {**_FILE, "description": f"A clip; the field is its style, of any name. Up to {MOST_CLIPS}."}
_TEXTS: Final = {
    "name": {"type": "string", "maxLength": LONGEST, "description": NAME_RULE, "example": "anna"},
    "language": {"type": "string", "example": "hu"},
}
_STYLES: Final = dict.fromkeys(("neutral", "excitement", "question"), _CLIP)

DOCUMENTED: Final = _documented(
    {**_TEXTS, **_STYLES, LATENTS: {**_FILE, "description": "In place of clips."}}, ["name"], additionalProperties=_CLIP
)
OPENAI_FORM: Final = _documented({**_TEXTS, SAMPLE: _FILE, CONSENT: {"type": "string"}}, ["name", SAMPLE])
ONE_CLIP: Final = _documented({CLIP: _FILE}, [CLIP])


@dataclass(frozen=True, slots=True)
class VoiceForm:
    name: str
    language: str | None
    clips: Mapping[str, UploadFile]  # by style; empty where there are latents
    latents: UploadFile | None


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[VoiceForm]:
    """Its files are there for as long as the context is.

    Raises WrongMediaType, BodyTooLarge, ClientGone, and InvalidInput that names the field and says what would be right.
    """
    async with _form(request, EXAMPLE) as form:
        yield _checked(_in_our_words(form) if request.scope["path"].startswith(OPENAI) else form)


@asynccontextmanager
async def read_clip(request: Request) -> AsyncIterator[UploadFile]:
    """The one file of a form, its field `clip`. Raises what `read_form` raises."""
    async with _form(request, ONE_EXAMPLE) as form:
        clip = form.get(CLIP)
        if not isinstance(clip, UploadFile):
            raise InvalidInput(f"{CLIP}: a file is needed, as in {ONE_EXAMPLE}", param=CLIP)
        _check_file(CLIP, clip)
        yield clip


@asynccontextmanager
async def _form(request: Request, example: str) -> AsyncIterator[FormData]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise WrongMediaType(f"Clips are uploaded as multipart/form-data, such as curl makes of {example}")
    try:
        form = await request.form(max_files=MOST_CLIPS + 1, max_fields=16, max_part_size=1024)
    except ClientDisconnect:
        raise ClientGone("The client left before its upload was whole.") from None
    except HTTPException as error:
        raise InvalidInput(f"The form data is broken: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()


def _in_our_words(form: FormData) -> FormData:
    fields = [(name, value) for name, value in form.multi_items() if name != CONSENT]
    return FormData([(SAMPLES_STYLE if name == SAMPLE else name, value) for name, value in fields])


def _checked(form: FormData) -> VoiceForm:
    form = FormData([(composed(name), value) for name, value in form.multi_items()])
    fields = form.multi_items()
    for name in form:
        if len(form.getlist(name)) > 1:
            raise InvalidInput(f"{name}: is there twice; a style has one clip.", param=name)
    texts = {name: value for name, value in fields if isinstance(value, str)}
    files = {name: value for name, value in fields if not isinstance(value, str)}
    for name in texts:
        if name not in TEXTS:
            raise InvalidInput(f"{name}: is sent as text; a clip is sent as a file, as in {EXAMPLE}", param=name)
    for name, file in files.items():
        _check_file(name, file)
    if not is_name(called := composed(texts.get("name", "").strip())):
        raise InvalidInput(f"name: {NAME_RULE}, as in {EXAMPLE}", param="name")
    latents = files.pop(LATENTS, None)
    _check_files(files, latents)
    return VoiceForm(called, texts.get("language") or None, files, latents)


def _check_file(name: str, file: UploadFile) -> None:
    if name in TEXTS:
        raise InvalidInput(f"{name}: is sent as a file; text is expected, as in {EXAMPLE}", param=name)
    if not is_name(name):
        raise InvalidInput(f"{name!r}: names a style; {NAME_RULE}.", param=name)
    largest = LARGEST_LATENTS if name == LATENTS else LARGEST_CLIP
    if (file.size or 0) > largest:
        raise BodyTooLarge(f"{name}: is {file.size} bytes large; at most {largest} are taken.", param=name)


def _check_files(clips: Mapping[str, UploadFile], latents: UploadFile | None) -> None:
    if latents is not None and clips:
        raise InvalidInput(f"{LATENTS}: stand in place of clips; send one or the other.", param=LATENTS)
    if latents is None and not clips:
        raise InvalidInput(f"A voice needs a clip, of 6 to 30 s, as in {EXAMPLE}")
    if len(clips) > MOST_CLIPS:
        raise InvalidInput(f"There are {len(clips)} clips; a voice may have {MOST_CLIPS}.")
