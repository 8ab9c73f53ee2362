import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.statistics import Spread, percentile, ratios

values = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20)


@settings(max_examples=100)
@given(values)
def test_the_median_has_as_many_above_as_below(measured: list[float]):
    spread = Spread.of(measured)
    assert spread.low == min(measured) <= spread.median <= max(measured) == spread.high
    tolerance = 1e-9 * spread.median
    assert sum(value < spread.median - tolerance for value in measured) <= len(measured) / 2
    assert sum(value > spread.median + tolerance for value in measured) <= len(measured) / 2


def test_one_slow_run_does_not_move_the_median_far():
    assert Spread.of([1.0, 1.1, 50.0]) == Spread(1.1, 1.0, 50.0)


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_the_spread_is_shown_where_it_can_be_seen():
    assert Spread.of([1.0, 2.0, 4.0]).show(".1f") == "2.0 (1.0 to 4.0)"
    assert Spread.of([1.001, 1.002]).show(".1f") == "1.0"


def test_percentiles_lie_between_neighbours():
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5
    assert percentile(list(range(101)), 95) == 95


def test_ratios_pair_what_was_measured_side_by_side():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="argument 2"):
        ratios([1.0], [1.0, 2.0])
