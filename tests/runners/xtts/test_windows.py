"""Window plans: everything is delivered once, in order, and with all the context there is."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from runners.xtts.windows import EDGES, WINDOW_FRAMES, Window, last_size, next_window


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
    for ready in [*sorted(int(share * total) for share in shares), total]:
        asked = next(size)
        while window := next_window(windows[-1].last if windows else 0, ready, asked, context, finished=ready is total):
            assert window.size == asked  # can share a batch
            assert window.last - window.first == asked or window.last == total
            assert window.last + context <= ready or ready is total
            windows.append(window)
            asked = next(size)
    assert windows[0].first == 0
    assert windows[-1].last == total
    for one, other in itertools.pairwise(windows):
        assert one.last == other.first  # nothing twice, nothing left out


def test_nothing_is_planned_while_too_little_is_there() -> None:
    assert next_window(0, 19, 10, 10, finished=False) is None
    assert next_window(0, 20, 10, 10, finished=False) == Window(0, 10, 10)


def test_nothing_is_left_after_the_last_frame() -> None:
    assert next_window(12, 12, 10, 10, finished=True) is None
    assert next_window(11, 12, 10, 10, finished=True) == Window(11, 12, 10)


@given(size=st.sampled_from(WINDOW_FRAMES), left=st.integers(1, 600))
def test_what_is_left_is_delivered_in_the_least_time(size: int, left: int) -> None:
    chosen = last_size(size, left, batched=False)
    assert chosen in WINDOW_FRAMES
    assert chosen <= size
    ways = itertools.chain.from_iterable(
        itertools.combinations_with_replacement([each for each in WINDOW_FRAMES if each <= size], count)
        for count in range(1, 5)
    )
    costs = {way: sum(way) + EDGES * len(way) for way in ways if sum(way) >= left}
    if left > size:  # later ones may be longer
        assert chosen == size
    else:
        assert any(chosen in way for way, cost in costs.items() if cost == min(costs.values()))


def test_sizes_of_last_windows() -> None:
    left = (1, 32, 50, 93, 140, 200, 270)
    assert [last_size(256, each, batched=False) for each in left] == [32, 32, 64, 96, 96, 160, 256]
    assert [last_size(256, each, batched=True) for each in left] == [32, 32, 64, 128, 256, 256, 256]
    for batched in (False, True):
        assert [last_size(64, each, batched=batched) for each in (20, 60, 200)] == [32, 64, 64]
