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


@pytest.mark.parametrize(("count", "fits"), [(1, True), (64, True), (65, False)])
def test_number_of_weights(count: int, fits: bool) -> None:
    assert accepted(SimpleRequest, {"text": "a", "style": {str(number): 1 for number in range(count)}}) is fits


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (200, True), (201, False)])
def test_number_of_segments(count: int, fits: bool) -> None:
    assert accepted(SegmentedRequest, {"segments": [{"text": "a"}] * count}) is fits


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"sample_rate": 44100}, True),
        ({"sample_rate": 11025}, False),
        ({"sample_rate": "8000"}, False),
        ({"sample_rate": True}, False),
        ({"sample_rate": None}, True),
        ({"output_format": "opus", "sample_rate": 48000}, True),
        ({"output_format": "opus", "sample_rate": 44100}, False),
        ({"output_format": "mulaw"}, True),
        ({"output_format": "alaw", "sample_rate": 8000}, True),
        ({"output_format": "mulaw", "sample_rate": 16000}, False),
        ({"loudness": -16}, True),
        ({"loudness": 0}, False),
    ],
)
def test_rates_and_loudness(fields: dict[str, Any], fits: bool) -> None:
    assert accepted(SimpleRequest, {"text": "a", **fields}) is fits
    assert accepted(SegmentedRequest, {"segments": [{"text": "a"}], **fields}) is fits


def test_a_rate_that_a_format_does_not_take_is_explained() -> None:
    with pytest.raises(ValidationError, match="opus takes 8000, 16000, 24000, 48000 Hz, not 44100"):
        SimpleRequest(text="a", output_format="opus", sample_rate=44100)
