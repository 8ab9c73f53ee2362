"""The crowd's requests are ones that the service takes, but for those that are to be wrong."""

import asyncio
import random
from itertools import islice

import httpx
import pytest

from api.openai.schemas import SpeechRequest
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest
from benchmarks.growth.crowd import FORMATS, LEAVE_EVERY, WRONG_EVERY, bodies, serve, until_idle

SCHEMAS = {
    "/generate/simple": SimpleRequest,
    "/generate/segmented": SegmentedRequest,
    "/generate/stream": StreamRequest,
    "/v1/audio/speech": SpeechRequest,
}


def test_every_body_is_valid_and_no_two_are_alike() -> None:
    found = list(islice(bodies(random.Random(1)), 200))
    taken = [SCHEMAS[path].model_validate(body) for path, body in found]
    assert {body.output_format for body in taken if isinstance(body, SimpleRequest)} == set(FORMATS)
    assert {path for path, _ in found} == set(SCHEMAS)
    assert len({str(body) for body in taken}) == 200


class Server:
    """Answers as the service does, and is slow enough for those who leave."""

    def __init__(self, busy: int = 0) -> None:
        self.busy = busy
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            self.busy -= 1
            return httpx.Response(200, json={"slots": {"live": max(self.busy, 0), "waiting": 0}})
        self.asked += 1
        return httpx.Response(422 if b'"fast"' in request.content else 200)


async def test_so_many_requests_are_made_and_their_answers_counted() -> None:
    server = Server()
    async with httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(server)) as http:
        answers = await serve(http, bodies(random.Random(1)), 3 * WRONG_EVERY, clients=4)
    assert server.asked == sum(answers.values()) == 3 * WRONG_EVERY
    assert answers["422"] == 3


async def test_those_who_leave_do_not_wait_for_the_answer() -> None:
    asked = 0

    async def last_one_never(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == LEAVE_EVERY:
            await asyncio.Event().wait()
        return httpx.Response(200)

    async with httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(last_one_never)) as http:
        answers = await serve(http, bodies(random.Random(1)), LEAVE_EVERY, clients=1)
    assert answers == {"200": LEAVE_EVERY - 1, "left": 1}


@pytest.mark.parametrize("busy", [0, 2])
async def test_idle_is_when_no_slot_is_taken(busy: int) -> None:
    server = Server(busy)
    async with httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(server)) as http:
        await until_idle(http, 0)
    assert server.busy < 1
