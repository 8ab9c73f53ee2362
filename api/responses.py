"""From a request's work to its response: an audio file, an error body, or nothing because the client has left."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import bentoml
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.delivery import deliver
from api.error_responses import answer, invalid, refuse
from api.errors import ClientGone
from api.live_response import LiveResponse
from api.parameters import explained_parameters
from api.runner_client import RunnerClient
from api.synthesis import Live, Rendered
from runners.errors import ModelLoading, SpeechError

T = TypeVar("T")


class Slots(BaseModel):
    total: int
    live: int
    waiting: int
    bulk_waiting: int


class Health(BaseModel):
    status: str
    model_loaded: bool
    model: str
    demo: bool
    notice: str = ""
    device: str
    sample_rate: int
    languages: list[str]
    speakers: list[str]
    slots: Slots


async def respond(ctx: bentoml.Context, work: Coroutine[Any, Any, Rendered | Live | Response]) -> Response:
    """Does the work for as long as the client is connected. Its leaving cancels the work."""
    response: Response
    try:
        audio = await while_connected(ctx.request, work)
        if isinstance(audio, Live):
            response = LiveResponse(audio.flow, audio.flow, audio.media_type, audio.headers)
        elif isinstance(audio, Response):
            response = audio
        else:
            response = await asyncio.to_thread(deliver, audio, ctx.request)
    except SpeechError as error:
        response = refuse(error)
    ctx.response.status_code = response.status_code  # BentoML overwrites the response's own with this one
    return response


async def refuse_in_app(request: Request, error: Exception) -> Response:
    """For routes of the mounted app: they raise, and this answers."""
    assert isinstance(error, SpeechError)
    return refuse(error)


async def refuse_invalid(request: Request, error: Exception) -> Response:
    """For routes of the mounted app, whose own answer would repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    return invalid(explained_parameters(error.errors(), request))


async def health(runner: RunnerClient) -> Response:
    try:
        status = await runner.status()
    except ModelLoading as error:
        return answer(error, status="loading", model_loaded=False)
    model, load = status.model, status.load
    told = Health(
        status="ok",
        model_loaded=True,
        model=model.name,
        demo=model.demo,
        notice=model.notice,
        device=model.device,
        sample_rate=model.sample_rate,
        languages=list(model.languages),
        speakers=list(model.speakers),
        slots=Slots(total=load.slots, live=load.live, waiting=load.waiting, bulk_waiting=load.bulk_waiting),
    )
    return JSONResponse(told.model_dump(exclude_defaults=True))


def unmade(media_type: str) -> Response:
    """For HEAD: of what is not made for that, so that its length is not known."""
    response = Response(media_type=media_type)
    del response.headers["content-length"]
    return response


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's result. Raises ClientGone, and cancels the work, when the client leaves before it is done."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone("The client left before the answer was ready.")
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


async def _disconnect(request: Request) -> None:
    """Returns when the client has left. The body has been read: what comes next can only be that."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
