"""Bytes between a maker and a reader of different speeds, and the response that sends them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.flow import FREE, Flow, Unread
from api.live_response import LiveResponse
from runners.errors import EngineFailure, Overloaded

SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "POST", "path": "/", "headers": []}


Give = Callable[[bytes], object]


async def begun(make: Callable[[Give], Coroutine[Any, Any, None]]) -> Flow:
    flow = Flow(Unread())
    await flow.begin(make(flow.put))
    return flow


async def read(flow: Flow) -> bytes:
    return b"".join([chunk async for chunk in flow])


@given(parts=st.lists(st.binary(min_size=1, max_size=5), max_size=20), pauses=st.lists(st.booleans(), min_size=20))
@settings(max_examples=50, deadline=None)
def test_nothing_is_lost_or_turned_round(parts: list[bytes], pauses: list[bool]) -> None:
    async def make(give: Give) -> None:
        for part, pause in zip(parts, pauses, strict=False):
            give(part)
            if pause:
                await asyncio.sleep(0)

    async def run() -> bytes:
        return await read(await begun(make))

    assert asyncio.run(run()) == b"".join(parts)


async def test_the_maker_does_not_wait_for_the_reader_and_may_give_from_a_thread() -> None:
    done = asyncio.Event()

    async def make(give: Give) -> None:
        thread = Thread(target=lambda: [give(b"x") for _ in range(1000)])
        thread.start()
        await asyncio.to_thread(thread.join)
        done.set()

    flow = await begun(make)
    await done.wait()
    assert await read(flow) == b"x" * 1000


async def test_a_failure_before_the_first_byte_is_raised_at_once_and_a_later_one_after_what_came() -> None:
    async def fail(give: Give) -> None:
        raise EngineFailure("no")

    with pytest.raises(EngineFailure):
        await begun(fail)

    async def fail_later(give: Give) -> None:
        give(b"one")
        await asyncio.sleep(0.01)
        give(b"two")
        raise EngineFailure("no")

    chunks = aiter(await begun(fail_later))
    assert [await anext(chunks), await anext(chunks)] == [b"one", b"two"]
    with pytest.raises(EngineFailure):
        await anext(chunks)


class Endless:
    """Gives a byte, and then waits until it is stopped."""

    stopped = False

    async def make(self, give: Give) -> None:
        give(b"x")
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped = True


async def test_who_gives_up_waiting_for_the_first_byte_stops_the_making() -> None:
    async def silent(give: Give) -> None:
        await endless.make(lambda _: None)

    endless = Endless()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await begun(silent)
    assert endless.stopped


async def staying() -> dict[str, Any]:
    return await asyncio.Future()


async def leaving() -> dict[str, Any]:
    await asyncio.sleep(0.02)
    return {"type": "http.disconnect"}


class Client:
    """Keeps what it is sent; after `stalls` messages it takes no more."""

    def __init__(self, stalls: int = 1000) -> None:
        self.messages: list[Any] = []
        self._stalls = stalls

    async def send(self, message: Any) -> None:
        if len(self.messages) >= self._stalls:
            await asyncio.Future()
        self.messages.append(message)

    @property
    def finished(self) -> bool:
        return self.messages[-1].get("more_body") is False


@pytest.mark.parametrize("stalls", [1000, 1], ids=["while it waits for more", "while it does not read"])
async def test_a_client_that_leaves_stops_the_making(stalls: int) -> None:
    endless = Endless()
    flow = await begun(endless.make)
    client = Client(stalls)
    await LiveResponse(flow, flow, "audio/wav", {})(SCOPE, leaving, client.send)
    assert endless.stopped
    assert not client.finished


async def test_a_client_that_never_reads_on_is_cut_off() -> None:
    endless = Endless()
    flow = await begun(endless.make)
    client = Client(stalls=1)
    await asyncio.wait_for(LiveResponse(flow, flow, "audio/wav", {}, patience=0.05)(SCOPE, staying, client.send), 5)
    assert endless.stopped
    assert len(client.messages) == 1


async def test_a_failure_half_way_leaves_the_body_without_its_end(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(give: Give) -> None:
        give(b"one")
        await asyncio.sleep(0.01)
        raise EngineFailure("the reason")

    flow = await begun(fail)
    client = Client()
    await LiveResponse(flow, flow, "audio/wav", {"X-Seed": "1"})(SCOPE, staying, client.send)
    assert [message.get("body") for message in client.messages] == [None, b"one"]
    assert not client.finished
    assert "the reason" in caplog.text


async def test_what_wraps_the_flow_is_sent_and_the_flow_closed() -> None:
    async def wrapped(flow: Flow) -> AsyncIterator[bytes]:
        async for chunk in flow:
            yield b"<" + chunk + b">"

    async def make(give: Give) -> None:
        give(b"one")

    flow = await begun(make)
    client = Client()
    await LiveResponse(wrapped(flow), flow, "audio/wav", {})(SCOPE, staying, client.send)
    assert client.finished
    assert client.messages[1]["body"] == b"<one>"


async def test_a_slow_reader_that_never_stops_is_never_cut_off() -> None:
    """All is there at once, and takes five times as long to be read as a pause may be."""

    async def make(give: Give) -> None:
        give(bytes(1_000_000))

    class Slow(Client):
        async def send(self, message: Any) -> None:
            await asyncio.sleep(len(message.get("body", b"")) / 1_000_000)
            await super().send(message)

    flow = await begun(make)
    client = Slow()
    await LiveResponse(flow, flow, "audio/wav", {}, patience=0.2)(SCOPE, staying, client.send)
    assert client.finished
    assert sum(len(message.get("body", b"")) for message in client.messages) == 1_000_000


async def test_only_who_does_not_read_is_refused_when_too_much_waits() -> None:
    async def staying() -> None:
        await asyncio.Event().wait()

    unread = Unread(most=3 * FREE)
    idle, greedy, reading = flows = [Flow(unread) for _ in range(3)]
    for flow in flows:
        flow.put(b"x")
        await flow.begin(staying())
    greedy.put(bytes(4 * FREE))
    with pytest.raises(Overloaded):
        greedy.check()
    chunks = aiter(reading)
    await anext(chunks)
    for _ in range(5):
        reading.put(bytes(FREE // 2))
        reading.check()
        await anext(chunks)
    idle.check()
    await greedy.aclose()
    greedy.put(bytes(4 * FREE))  # a thread that has not noticed yet
    assert not unread.full
    for flow in flows:
        await flow.aclose()
    assert unread._held == 0
