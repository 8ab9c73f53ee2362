"""What bodies take for a number, and how many segments."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.schemas import SegmentedRequest, SimpleRequest

NUMBERS = ("speed", "temperature", "top_k", "top_p", "repetition_penalty", "seed")


def accepted(model: type[SimpleRequest] | type[SegmentedRequest], body: dict[str, Any]) -> bool:
    try:
        model.model_validate(body)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", [True, False, "1", "one", [1]])
def test_what_is_no_number_is_not_taken_for_one(field: str, value: Any) -> None:
    assert accepted(SimpleRequest, {"text": "a", field: 1})
    assert not accepted(SimpleRequest, {"text": "a", field: value})
    for name in {field} & {"speed", "seed"} | {"pause_after"}:
        assert not accepted(SegmentedRequest, {"segments": [{"text": "a", name: value}]})


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (200, True), (201, False)])
def test_number_of_segments(count: int, fits: bool) -> None:
    assert accepted(SegmentedRequest, {"segments": [{"text": "a"}] * count}) is fits
