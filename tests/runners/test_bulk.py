"""Batches of utterances without a model: whose they are, and what becomes of them when nobody waits any more."""

import asyncio
import base64
from collections.abc import AsyncGenerator

from runners.bulk import Bulk
from runners.types import BulkUtterance, Utterance, Voice


def utterance(text: str) -> Utterance:
    return Utterance(text, "en", Voice.of_speaker("Demo Low"), 1)


class Speaker:
    """Says two frames, the second when it may."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.left: list[str] = []
        self.may_end = asyncio.Event()

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        self.begun.append(utterance.text)
        try:
            yield utterance.text.encode()
            await self.may_end.wait()
            yield b"."
        finally:
            self.left.append(utterance.text)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_item_gets_its_own_events() -> None:
    speaker = Speaker()
    speaker.may_end.set()
    bulk = Bulk(speaker.synthesize)
    with bulk.call("one"), bulk.call("two"):
        answers = await bulk.synthesize([BulkUtterance("one", utterance("a")), BulkUtterance("two", utterance("b"))])
    assert [base64.b64decode(answer) for answer in answers] == [b"a.", b"b."]


async def test_what_nobody_waits_for_leaves_and_the_rest_is_said() -> None:
    speaker = Speaker()
    bulk = Bulk(speaker.synthesize)
    with bulk.call("stays"):
        with bulk.call("goes"):
            items = [BulkUtterance("goes", utterance("a")), BulkUtterance("stays", utterance("b"))]
            saying = asyncio.create_task(bulk.synthesize(items))
            await settled()
        assert speaker.begun == ["a", "b"]
        await settled()
        assert speaker.left == ["a"]
        speaker.may_end.set()
        first, second = await saying
    assert first == ""
    assert base64.b64decode(second) == b"b."


async def test_a_call_that_is_over_before_its_turn_is_never_begun() -> None:
    speaker = Speaker()
    assert await Bulk(speaker.synthesize).synthesize([BulkUtterance("over", utterance("a"))]) == [""]
    assert not speaker.begun
