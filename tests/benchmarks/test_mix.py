"""The mix of requests."""

import random
from collections import Counter
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mix import MIX, asks, mean, sentence


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_every_ten_requests_hold_the_mix_in_some_order(seed: int) -> None:
    found = list(islice(asks(20, random.Random(seed)), 30))
    for ten in (found[:10], found[10:20], found[20:]):
        assert Counter(ask.kind for ask in ten) == {kind.name: kind.share for kind in MIX}
    assert {ask.kind: len(ask.texts) for ask in found} == {kind.name: kind.texts for kind in MIX}


def test_requests_are_shuffled_and_differ() -> None:
    found = list(islice(asks(40, random.Random(1)), 100))
    assert [ask.kind for ask in found[:10]] != [ask.kind for ask in found[10:20]]
    assert len({ask.texts for ask in found}) == 100


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 250), st.integers(0, 1000))
def test_a_sentence_has_about_so_many_characters(characters: int, seed: int) -> None:
    assert abs(len(sentence(characters, random.Random(seed))) - characters) <= 6


def test_the_mean_weighs_kinds_by_their_share() -> None:
    assert mean({"short": 1, "medium": 2, "long": 5}) == 2.1
