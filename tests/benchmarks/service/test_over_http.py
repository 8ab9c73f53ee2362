"""The HTTP speaker, against answers made up on the spot."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from api.schemas import SegmentedRequest
from benchmarks.mix import Ask
from benchmarks.service.clients import Refused
from benchmarks.service.over_http import BYTES_A_SECOND, body, speaker

ASK = Ask("medium", ("One.", "Two."))


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(answer))


async def chunks() -> AsyncIterator[bytes]:
    yield bytes(BYTES_A_SECOND)
    yield bytes(BYTES_A_SECOND // 2)


async def cut() -> AsyncIterator[bytes]:
    yield bytes(BYTES_A_SECOND)
    raise httpx.RemoteProtocolError("cut")


def test_the_body_is_one_that_the_service_takes() -> None:
    taken = SegmentedRequest.model_validate(body(ASK, "Low"))
    assert [segment.text for segment in taken.segments] == ["One.", "Two."]
    assert (taken.voice, taken.output_format, taken.trim_silence) == ("Low", "pcm", False)


async def test_chunks_are_heard_in_seconds_of_audio() -> None:
    async with client(lambda request: httpx.Response(200, content=chunks())) as http:
        assert [audio async for audio in speaker(http, "Low")(ASK)] == [1.0, 0.5]


async def test_an_error_s_answer_is_a_refusal_that_says_it() -> None:
    async with client(lambda request: httpx.Response(429, text="busy")) as http:
        with pytest.raises(Refused, match="429 busy"):
            await anext(speaker(http, "Low")(ASK))


async def test_a_stream_that_is_cut_is_a_refusal_after_what_was_heard() -> None:
    async with client(lambda request: httpx.Response(200, content=cut())) as http:
        said = speaker(http, "Low")(ASK)
        assert await anext(said) == 1.0
        with pytest.raises(Refused, match="cut"):
            await anext(said)
