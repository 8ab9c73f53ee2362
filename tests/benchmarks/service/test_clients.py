"""Arrivals and clients, with speakers that take as long as they are told."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mix import Ask
from benchmarks.service.clients import Refused, closed_loop, open_loop, poisson

SHORT = Ask("short", ("One.",))


class Speaker:
    """Says a second of audio per text, or fails, or falls silent, as the text says. Knows how many listen at once."""

    def __init__(self) -> None:
        self.listening = self.most = 0

    async def __call__(self, ask: Ask) -> AsyncIterator[float]:
        self.listening += 1
        self.most = max(self.most, self.listening)
        try:
            for text in ask.texts:
                await asyncio.sleep(0.01)
                if text == "fail":
                    raise Refused("500")
                if text == "fall silent":
                    await asyncio.Event().wait()
                yield 1.0
        finally:
            self.listening -= 1


@settings(max_examples=50, deadline=None)
@given(st.floats(0.5, 50), st.floats(1, 100), st.integers(0, 1000))
def test_arrivals_are_in_order_and_within_the_window(rate: float, seconds: float, seed: int) -> None:
    times = poisson(rate, seconds, random.Random(seed))
    assert times == sorted(times)
    assert all(0 <= at < seconds for at in times)
    assert times == poisson(rate, seconds, random.Random(seed))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 50), st.integers(0, 1000))
def test_arrivals_are_as_many_as_asked_for_and_as_uneven_as_chance_makes_them(rate: float, seed: int) -> None:
    """Of a Poisson process counts have their mean as variance, so that 2000 arrivals lie within 5 * sqrt(2000)."""
    seconds = 2000 / rate
    times = poisson(rate, seconds, random.Random(seed))
    assert len(times) == pytest.approx(2000, abs=225)
    bins = Counter(int(at * 200 / seconds) for at in times)
    mean = len(times) / 200
    variance = sum((bins[bin] - mean) ** 2 for bin in range(200)) / 199
    assert variance / mean == pytest.approx(1, abs=0.55)  # 0 for a clock's ticks; standard deviation 0.1


async def test_in_an_open_loop_nobody_waits_for_another() -> None:
    everybody = asyncio.Barrier(20)

    async def say(ask: Ask) -> AsyncIterator[float]:
        await everybody.wait()
        yield 1.0

    heard = await open_loop(say, [(0.0, SHORT)] * 20, until=60)
    assert [len(record.chunks) for record in heard] == [1] * 20


async def test_what_has_not_ended_in_time_is_given_up_and_keeps_what_was_heard() -> None:
    say = Speaker()
    heard = await open_loop(say, [(0.0, SHORT), (0.0, Ask("medium", ("One.", "fall silent")))], until=1)
    assert heard[0].ended is not None
    assert heard[1].ended is None
    assert heard[1].chunks
    assert heard[1].latency is None
    assert say.listening == 0


async def test_an_error_is_noted_and_spoils_no_other() -> None:
    heard = await open_loop(Speaker(), [(0.0, Ask("long", ("One.", "fail"))), (0.05, SHORT)], until=5)
    assert [record.error for record in heard] == ["500", None]
    assert heard[0].latency is None
    assert heard[1].latency is not None


async def test_nobody_comes() -> None:
    assert await open_loop(Speaker(), [], until=5) == []


async def test_in_a_closed_loop_each_client_asks_again_once_it_has_its_answer() -> None:
    say = Speaker()
    heard = await closed_loop(say, repeat(SHORT), clients=3, seconds=0.2)
    assert say.most == 3
    assert say.listening == 0
    ended = [record for record in heard if record.ended is not None]
    assert len(ended) >= 6
    assert len(heard) - len(ended) <= 2  # under way at the end


async def test_a_closed_loop_goes_on_until_there_are_two_answers_a_client() -> None:
    heard = await closed_loop(Speaker(), repeat(SHORT), clients=4, seconds=0)
    assert sum(record.ended is not None for record in heard) >= 8
