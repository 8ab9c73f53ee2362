"""What is wrong with a body is explained, by every model and at every depth, and never in pydantic's words."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.body import MOST_FAULTS, _schema
from api.jobs.schemas import LongRequest
from api.openai.schemas import SpeechRequest
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest
from api.wording import EXPLAINED

PYDANTICS = ("input should", "extra inputs", "field required", "unable to parse", "valid dictionary", "value error")
MODELS = (SimpleRequest, SegmentedRequest, StreamRequest, SpeechRequest, LongRequest)


def faults(model: Any, body: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return {".".join(map(str, fault["loc"])): fault["msg"] for fault in caught.value.errors()}


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({}, "text", '"text" is missing; right is a string'),
        ([], "", "an array of 0 is not right; right is an object"),
        ({"text": 7}, "text", "7 is not right; right is a string that is not empty"),
        ({"text": "a", "txet": "b"}, "txet", '"txet" does not belong here; did you mean "text"?'),
        ({"text": "a", "speed": 9}, "speed", "9 is not right; right is a number from 0.25 to 4"),
        ({"text": "a", "seed": 1.5}, "seed", "1.5 is not right; right is a whole number from 0 to 4294967295"),
        ({"text": "a", "output_format": "mp33"}, "output_format", '"mp33" is not right; right is one of mp3, wav'),
        ({"text": "a", "temperature": 0.001}, "temperature", "must be 0 (greedy) or at least 0.01"),
    ],
)
def test_a_body_is_explained(body: Any, where: str, words: str) -> None:
    assert faults(SimpleRequest, body)[where].startswith(words)


def test_parts_keep_their_path_and_know_their_own_fields() -> None:
    body = {"segments": [{"text": "a"}, {"text": "b", "pause_aftr": 1}, {"txt": "c"}], "voise": "x"}
    assert faults(SegmentedRequest, body) == {
        "segments.1.pause_aftr": '"pause_aftr" does not belong here; did you mean "pause_after"?',
        "segments.2.text": '"text" is missing; right is a string that is not empty',
        "segments.2.txt": '"txt" does not belong here; did you mean "text"?',
        "voise": '"voise" does not belong here; did you mean "voice"?',
    }


def test_the_work_is_bounded_however_many_faults_there_are() -> None:
    before = _schema.cache_info().misses
    wrong = [{"id": f"s{number}", "text": "a", "speed": 9} for number in range(MOST_FAULTS)]
    assert len(faults(LongRequest, {"samples": wrong})) == MOST_FAULTS
    assert _schema.cache_info().misses - before <= 2  # one for each model, and not for each fault
    crowd = {f"x{number}": 1 for number in range(5000)}
    assert faults(SimpleRequest, {"text": "a", **crowd})[""].startswith("an object of 5001 fields; there are: ")
    assert faults(LongRequest, {"samples": [crowd]})["samples.0"].startswith("an object of 5000 fields; there are: ")


FIELDS = sorted({name for model in MODELS for name in model.model_fields})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "x"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MODELS), st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES, max_size=6))
@example(SegmentedRequest, {"segments": [{"voice": False}]})
def test_no_body_gets_pydantics_words(model: Any, body: Any) -> None:
    try:
        model.model_validate(body)
    except ValidationError as error:
        for fault in error.errors():
            assert EXPLAINED in fault["ctx"]
            assert not any(phrase in fault["msg"].lower() for phrase in PYDANTICS), fault
