import pytest

from benchmarks.speech.errors import distance, error_rate, plain


@pytest.mark.parametrize(
    ("first", "second", "edits"), [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)]
)
def test_distance_is_levenshteins(first: str, second: str, edits: int) -> None:
    assert distance(first, second) == distance(second, first) == edits


def test_what_cannot_be_heard_does_not_count() -> None:
    assert plain("Where’s  the STATION, please?!") == "wheres the station please"
    assert error_rate(["Jó napot!"], ["jó, napot"]) == 0


def test_a_rate_is_over_all_characters_and_babble_counts_once() -> None:
    assert error_rate(["abcdefgh", "ab"], ["abcdefgx", "ab"]) == pytest.approx(10)
    assert error_rate(["abcd"], ["x" * 400]) == 100
    assert error_rate(["abcd", "efgh"], ["", "efgh"]) == 50
