"""Window plans: everything is delivered once, in order, and with all the context there is."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from runners.xtts.windows import Window, next_window, window_length


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    context=st.integers(1, 20),
    total=st.integers(1, 400),
    shares=st.lists(st.floats(0, 0.999), max_size=20),
)
@settings(max_examples=300)
def test_windows_of_any_sizes_join(sizes: list[int], context: int, total: int, shares: list[float]) -> None:
    """Frames become ready as `shares` say, and then the utterance ends at `total`."""
    windows: list[Window] = []
    size = itertools.cycle(sizes)
    asked: list[int] = []
    for ready in [*sorted(int(share * total) for share in shares), total]:
        asked.append(next(size))
        while window := next_window(
            windows[-1].last if windows else 0, ready, asked[-1], context, finished=ready is total
        ):
            windows.append(window)
            assert window.stop - window.start == min(window_length(asked[-1], context), total)  # can share a batch
            assert len(windows) <= total
            asked.append(next(size))
    assert windows[0].first == 0
    assert windows[-1].last == total
    for one, other in itertools.pairwise(windows):
        assert one.last == other.first  # nothing twice, nothing left out
    for window in windows:
        assert 0 <= window.start <= window.first < window.last <= window.stop <= total
        assert window.start == 0 or window.first - window.start >= context
        assert window.stop == total or window.stop - window.last >= context


def test_nothing_is_planned_while_too_little_is_there() -> None:
    assert next_window(0, 29, 10, 10, finished=False) is None
    assert next_window(0, 30, 10, 10, finished=False) == Window(0, 30, 0, 20)


def test_nothing_is_left_after_the_last_frame() -> None:
    assert next_window(12, 12, 10, 10, finished=True) is None
