"""A job is bounded as a whole, whatever its samples' texts hold."""

from typing import Any

import pytest

from api.jobs.planner import JobPlanner
from api.jobs.schemas import LONGEST_SILENCE, MOST_PARTS, LongRequest
from api.plan import Phrase
from runners.errors import InvalidInput
from runners.types import Utterance, Voice


class Phrases:
    """Stands for a planner, to which each text is so many phrases with pauses."""

    def __init__(self, count: int, pause: float) -> None:
        self._found = [Phrase(0, Utterance("a", "en", Voice.of_speaker("x"), 1), pause)] * count

    def phrases(self, *_: object) -> list[Phrase]:
        return self._found


def check(samples: int, phrases: int, pause: float) -> None:
    planner: Any = Phrases(phrases, pause)
    model: Any = None
    request = LongRequest(samples=[{"id": f"s{number}", "text": "a"} for number in range(samples)])
    JobPlanner(planner).check(request, model)


def test_pauses_within_texts_are_bounded_over_all_samples() -> None:
    most = int(LONGEST_SILENCE / 600)
    check(most, 10, 60.0)
    with pytest.raises(InvalidInput, match="The pauses of a job may sum up to 21600 seconds"):
        check(most + 1, 10, 60.0)


def test_phrases_are_bounded_over_all_samples() -> None:
    check(MOST_PARTS // 400, 400, 0.0)
    with pytest.raises(InvalidInput, match="more than 20000 phrases"):
        check(MOST_PARTS // 400 + 1, 400, 0.0)
