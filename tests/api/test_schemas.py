"""The batch file's schema and the routes' bodies allow the same: what passes the one does not fail the other."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from api.batch.schema import SCHEMA_PATH
from api.schemas import SegmentedRequest, SimpleRequest

BATCH = Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))
numbers = st.one_of(
    st.integers(-2, 70), st.floats(-1, 70), st.sampled_from([0, 0.01, 0.25, 1, 2, 4, 50, 51, 60, 61, 2**32 - 1, 2**32])
)
styles = st.one_of(st.just("question"), st.dictionaries(st.sampled_from(["a", "b"]), st.floats(-1, 1001), min_size=1))
shared = {
    "speed": numbers,
    "temperature": numbers,
    "top_k": numbers,
    "top_p": numbers,
    "repetition_penalty": numbers,
    "seed": numbers,
    "style": styles,
    "trim_silence": st.one_of(st.booleans(), st.just("maybe")),
    "output_format": st.sampled_from(["mp3", "wav", "flac", "opus", "aac", "pcm", "midi"]),
    "sped": st.just(1),
}
segments = st.fixed_dictionaries(
    {"text": st.just("a")}, optional={"pause_after": numbers, "speed": numbers, "seed": numbers}
)


def accepted(model: type[SimpleRequest] | type[SegmentedRequest], body: dict[str, Any]) -> bool:
    try:
        model.model_validate(body)
    except ValidationError:
        return False
    return True


@given(st.fixed_dictionaries({"text": st.just("a")}, optional=shared))
@settings(max_examples=300)
def test_simple(body: dict[str, Any]) -> None:
    if 0 < body.get("temperature", 0) < 0.01:  # the one limit that a JSON schema says badly
        body = {**body, "temperature": 0}
    assert BATCH.is_valid({"samples": [{"id": "x", **body}]}) == accepted(SimpleRequest, body)


@given(st.fixed_dictionaries({"segments": st.lists(segments, max_size=3)}, optional=shared))
@settings(max_examples=200)
def test_segmented(body: dict[str, Any]) -> None:
    if 0 < body.get("temperature", 0) < 0.01:
        body = {**body, "temperature": 0}
    assert BATCH.is_valid({"samples": [{"id": "x", **body}]}) == accepted(SegmentedRequest, body)


NUMBERS = ("speed", "temperature", "top_k", "top_p", "repetition_penalty", "seed")


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", [True, False, "1", "one", [1]])
def test_what_is_no_number_is_not_taken_for_one(field: str, value: Any) -> None:
    assert accepted(SimpleRequest, {"text": "a", field: 1})
    assert not accepted(SimpleRequest, {"text": "a", field: value})
    for name in {field} & {"speed", "seed"} | {"pause_after"}:
        assert not accepted(SegmentedRequest, {"segments": [{"text": "a", name: value}]})


@pytest.mark.parametrize(("route", "count", "fits"), [("segments", 200, True), ("segments", 201, False)])
def test_number_of_segments(route: str, count: int, fits: bool) -> None:
    body = {route: [{"text": "a"}] * count}
    assert accepted(SegmentedRequest, body) is fits
    assert BATCH.is_valid({"samples": [{"id": "x", **body}]}) is fits
