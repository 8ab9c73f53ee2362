"""Window plans: everything is delivered once, in order, and with all the context there is."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.xtts.windows import Window, WindowPlan


def windows_of(plan: WindowPlan, arrivals: list[int], total: int) -> list[Window]:
    """The windows of an utterance whose ready frames grow as `arrivals` say, and which then ends at `total`."""
    windows: list[Window] = []
    for ready in [*arrivals, total]:
        while window := plan.next(windows[-1].last if windows else 0, ready, finished=ready is total):
            windows.append(window)
            assert len(windows) <= total
    return windows


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple),
    context=st.integers(1, 20),
    total=st.integers(1, 400),
    shares=st.lists(st.floats(0, 0.999), max_size=20),
)
@settings(max_examples=300)
def test_plan(sizes: tuple[int, ...], context: int, total: int, shares: list[float]) -> None:
    plan = WindowPlan(sizes, context)
    windows = windows_of(plan, sorted(int(share * total) for share in shares), total)
    assert windows[0].first == 0
    assert windows[-1].last == total
    for one, other in itertools.pairwise(windows):
        assert one.last == other.first  # nothing twice, nothing left out
    for window, length in zip(windows, itertools.chain(plan.lengths, itertools.repeat(plan.lengths[-1])), strict=False):
        assert 0 <= window.start <= window.first < window.last <= window.stop <= total
        assert window.start == 0 or window.first - window.start >= context
        assert window.stop == total or window.stop - window.last >= context
        assert window.stop - window.start == min(length, total)  # equal shapes can share a batch


def test_nothing_is_planned_while_too_little_is_there() -> None:
    plan = WindowPlan((10,), context=10)
    assert plan.next(0, 29, finished=False) is None
    assert plan.next(0, 30, finished=False) == Window(0, 30, 0, 20)


def test_nothing_is_left_after_the_last_frame() -> None:
    assert WindowPlan((10,), context=10).next(12, 12, finished=True) is None


def test_the_first_windows_are_the_short_ones() -> None:
    plan = WindowPlan((4, 8, 16), context=10)
    windows = windows_of(plan, list(range(200)), 200)
    assert [window.stop - window.start for window in windows[:4]] == [24, 28, 36, 36]
    assert windows[0] == Window(0, 24, 0, 14)


@pytest.mark.parametrize("sizes", [(), (0,), (8, 0)])
def test_a_window_must_deliver_something(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="deliver nothing"):
        WindowPlan(sizes, context=10)
