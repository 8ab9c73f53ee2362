"""Asks are ones that the service takes, and a crowd's answers are compared with those alone."""

import random
from itertools import islice

import numpy as np
import pytest

from api.openai.schemas import SpeechRequest
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest
from benchmarks.stress.mixed import Answer, asks, compared

SCHEMAS = {
    "/generate/simple": SimpleRequest,
    "/generate/segmented": SegmentedRequest,
    "/generate/stream": StreamRequest,
    "/v1/audio/speech": SpeechRequest,
}


def answer(samples: list[int], status: int = 200) -> Answer:
    return Answer(status, np.array(samples, "<i2"), 1.0)


def test_every_body_is_valid_and_all_kinds_are_among_them() -> None:
    found = list(islice(asks(random.Random(1)), 40))
    for ask in found:
        SCHEMAS[ask.route].model_validate(ask.body)
    assert {ask.route for ask in found} == SCHEMAS.keys()


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (answer([1000, -2000]), {"equal": 1}),
        (answer([1000, -1900]), {"different": 1}),
        (answer([1000]), {"different": 1}),
        (answer([], 429), {"429": 1}),
        (answer([], 200), {"different": 1}),
    ],
)
def test_answers_are_compared(other: Answer, found: dict[str, int]) -> None:
    assert compared([answer([1000, -2000])], [other]) == found
