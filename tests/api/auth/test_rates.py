"""Limits as callers meet them: never more than the rule, refusals cost nothing, windows end when they say."""

import asyncio
import math
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond

from api.auth.rates import Limit, open_store, parse_limit, parse_store
from api.errors import RateLimited, Standing
from runners.errors import InvalidInput


def characters(rule: str, store: str = "memory") -> Limit:
    return Limit("characters", parse_limit(rule), open_store(store))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("60/minute", RateLimitItemPerMinute(60)),
        ("5 per second", RateLimitItemPerSecond(5)),
        ("1000/2 hours", RateLimitItemPerHour(1000, 2)),
        ("20000/1minute", RateLimitItemPerMinute(20000)),
    ],
)
def test_limits_as_people_write_them(text: str, limit: object):
    assert parse_limit(text) == limit


@pytest.mark.parametrize(
    "text", ["60", "0/minute", "-1/minute", "60/moment", "1/second,60/minute", "1/second;", "fast"]
)
def test_a_wrong_limit_says_what_is_right(text: str):
    with pytest.raises(ValueError, match="such as 60/minute"):
        parse_limit(text)


@pytest.mark.parametrize("url", ["memory", "redis://cache", "redis://:secret@cache:6379/0", "rediss://10.0.0.7:1/2"])
def test_stores(url: str):
    assert parse_store(url) == url


@pytest.mark.parametrize(
    "url", ["Memory", "redis", "redis://", "redis://cache:port", "http://cache", "memcached://cache"]
)
def test_a_wrong_store_says_what_is_right(url: str):
    with pytest.raises(ValueError, match="memory, or a URL such as redis"):
        parse_store(url)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 40)), max_size=25))
def test_a_window_never_holds_more_and_refusals_are_free(amount: int, takes: list[tuple[str, int]]):
    """Two callers, one rule: what each was given sums up to what is no longer left, and only what fits is given."""

    async def play() -> None:
        limit = characters(f"{amount}/hour")
        given = {"a": 0, "b": 0}
        for caller, wanted in takes:
            fits = given[caller] + wanted <= amount
            try:
                standing = await limit.take(caller, wanted)
            except RateLimited as refusal:
                assert not fits
                assert wanted <= amount
                standing = refusal.standing
            except InvalidInput:
                assert wanted > amount
                continue
            else:
                assert fits
                given[caller] += wanted
            assert (standing.limit, standing.remaining) == (amount, amount - given[caller])

    asyncio.run(play())


async def test_of_many_at_once_exactly_as_many_get_in():
    limit = characters("100/minute")
    answers = await asyncio.gather(*(limit.take("a", 9) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(answer, Standing) for answer in answers) == 11
    assert sum(isinstance(answer, RateLimited) for answer in answers) == 39
    assert (await limit.take("a", 1)).remaining == 0  # 100 - 11 * 9 - 1


async def test_a_refusal_says_when_there_is_room_and_then_there_is():
    limit = characters("5/2 seconds")
    began = time.time()
    await limit.take("a", 5)
    with pytest.raises(RateLimited, match=r"The limit is 5 characters per 2 seconds; 0 are left for [12] s") as caught:
        await limit.take("a", 1)
    standing = caught.value.standing
    assert standing.ends == pytest.approx(began + 2, abs=0.2)
    await asyncio.sleep(standing.seconds_left)
    assert (await limit.take("a", 5)).remaining == 0


@pytest.mark.parametrize(("ahead", "seconds"), [(-5.0, 1), (0.01, 1), (0.99, 1), (1.5, 2), (59.2, 60)])
def test_seconds_left_are_rounded_up_and_never_0(ahead: float, seconds: int):
    assert Standing(1, 0, time.time() + ahead).seconds_left == seconds


async def test_what_no_window_holds_is_wrong_and_not_merely_early():
    with pytest.raises(
        InvalidInput, match="6 characters at once are too many: the limit is 5 characters per day"
    ) as caught:
        await characters("5/day").take("a", 6, "input")
    assert caught.value.param == "input"


async def test_what_is_given_back_late_does_not_swell_the_next_window():
    limit = characters("5/second")
    taken = await limit.take("a", 5)
    await asyncio.sleep(taken.ends - time.time() + 0.05)
    assert (await limit.refund("a", 5, taken)).remaining == 5
    assert (await limit.take("a", 1)).remaining == 4


async def test_a_clock_that_is_set_back_locks_nobody_out(monkeypatch: pytest.MonkeyPatch):
    limit, now = characters("5/minute"), time.time()
    taken = await limit.take("a", 5)
    monkeypatch.setattr(time, "time", lambda: now - 86_400)
    assert (await limit.take("a", 3)).remaining == 2
    with pytest.raises(RateLimited) as refused:
        await limit.take("a", 3)
    assert refused.value.standing.seconds_left <= 60
    assert (await limit.refund("a", 5, taken)).remaining == 2, "it was taken from another window"


async def test_a_clock_that_is_set_forward_begins_a_window(monkeypatch: pytest.MonkeyPatch):
    limit, now = characters("5/minute"), time.time()
    taken = await limit.take("a", 5)
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    assert (await limit.take("a", 3)).remaining == 2
    assert (await limit.refund("a", 5, taken)).remaining == 2


class TestRedis:
    """Where there is a redis-server to start: the same rules, shared by two replicas."""

    @pytest.fixture
    def url(self) -> Iterator[str]:
        if not shutil.which("redis-server"):
            pytest.skip("there is no redis-server on the PATH")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
            process.terminate()

    async def test_two_replicas_share_one_limit(self, url: str):
        one, other = characters("100/minute", url), characters("100/minute", url)
        answers = await asyncio.gather(*(limit.take("a", 30) for limit in [one, other] * 5), return_exceptions=True)
        got = sum(isinstance(answer, Standing) for answer in answers)
        assert 1 <= got <= 3  # what is taken and not yet undone may turn another away; it never lets one in
        assert sum(isinstance(answer, RateLimited) for answer in answers) == 10 - got
        assert (await one.take("b", 100)).remaining == 0
        assert (await other.take("a", 100 - 30 * got)).remaining == 0
        with pytest.raises(RateLimited):
            await one.take("a", 1)

    async def test_windows_end(self, url: str):
        limit = characters("5/2 seconds", url)
        await limit.take("a", 5)
        with pytest.raises(RateLimited) as caught:
            await limit.take("a", 1)
        assert math.isclose(caught.value.standing.ends, time.time() + 2, abs_tol=0.5)
        await asyncio.sleep(caught.value.standing.seconds_left)
        assert (await limit.take("a", 5)).remaining == 0
