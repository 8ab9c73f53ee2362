"""What requests pay and get back, and what a store that is away does to them: nothing."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from api.auth.account import Account, account, charged
from api.auth.rates import Limit, open_store, parse_limit
from api.errors import RateLimited, Standing
from runners.errors import EngineFailure, InvalidInput


def limit(unit: str, rule: str) -> Limit:
    return Limit(unit, parse_limit(rule), open_store("memory"))  # type: ignore[arg-type]


class TestCharged:
    @pytest.fixture
    def mine(self) -> Iterator[Account]:
        mine = Account(
            "a", {"characters": limit("characters", "10/minute"), "requests": limit("requests", "100/minute")}
        )
        token = account.set(mine)
        yield mine
        account.reset(token)

    @staticmethod
    def left(mine: Account) -> int:
        assert mine.standing
        return mine.standing.remaining

    async def test_what_is_said_is_paid_for(self, mine: Account):
        async with charged(4, "text"):
            assert self.left(mine) == 6
        assert self.left(mine) == 6
        with pytest.raises(RateLimited):
            async with charged(7, "text"):
                raise AssertionError("it must not come to this")
        assert self.left(mine) == 6

    @pytest.mark.parametrize("error", [InvalidInput("no"), EngineFailure("oh"), ZeroDivisionError()], ids=repr)
    async def test_what_fails_is_given_back(self, mine: Account, error: Exception):
        with pytest.raises(type(error)):
            async with charged(4, "text"):
                raise error
        assert self.left(mine) == 10

    async def test_who_leaves_or_runs_out_of_time_pays(self, mine: Account):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), charged(4, "text"):
                await asyncio.sleep(10)
        assert self.left(mine) == 6

    async def test_a_long_job_gets_back_from_the_window_that_it_paid_into(self):
        mine = Account("a", {"characters": limit("characters", "10/second")})
        account.set(mine)

        async def job() -> None:
            async with charged(6, "text"):
                await asyncio.sleep(1.1)
                async with charged(7, "text"):  # of another sample, in another window
                    pass
                raise EngineFailure("oh")

        with pytest.raises(EngineFailure):
            await job()
        assert self.left(mine) == 3

    async def test_the_limit_nearest_its_end_is_told_unless_another_refused(self, mine: Account):
        await mine.take("requests", 50)
        assert (mine.standing.limit, mine.standing.remaining) == (100, 50)
        await mine.take("characters", 3)
        assert (mine.standing.limit, mine.standing.remaining) == (100, 50)
        await mine.take("characters", 3)
        assert (mine.standing.limit, mine.standing.remaining) == (10, 4)
        await mine.take("requests", 40)
        with pytest.raises(RateLimited):
            await mine.take("characters", 5)
        assert (mine.standing.limit, mine.standing.remaining) == (10, 4)

    async def test_tasks_of_a_request_draw_on_its_account(self, mine: Account):
        async def later() -> None:
            async with charged(4, "text"):
                pass

        await asyncio.create_task(later())
        assert self.left(mine) == 6


async def test_outside_of_requests_and_without_limits_nothing_is_limited():
    async with charged(10**9, "text"):
        assert account.get().standing is None
    await Account("a", {}).take("requests", 1)


async def test_a_store_that_is_away_limits_nothing_and_says_so(caplog: pytest.LogCaptureFixture):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://:hush@127.0.0.1:{probe.getsockname()[1]}/0"
    mine = Account("a", {"requests": Limit("requests", parse_limit("1/minute"), open_store(url))})
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await mine.take("requests", 1) is None
        await mine.refund("requests", 1, Standing(1, 0, time.time() + 60))
    assert time.monotonic() - began < 2
    assert mine.standing is None
    assert "does not answer, so nothing is limited" in caplog.text
    assert "hush" not in caplog.text


async def test_a_store_that_hangs_is_waited_for_briefly():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        store = open_store(url)
        mine = Account("a", {"requests": Limit("requests", parse_limit("1/minute"), store)})
        began = time.monotonic()
        assert await mine.take("requests", 1) is None
        assert time.monotonic() - began < 4
        await store.bridge.storage.aclose()  # type: ignore[attr-defined]
