"""What is wrong is said in plain words, and none of them are pydantic's."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.body import PLAIN, WORDS, words
from api.openai.schemas import SpeechRequest
from api.schemas import SegmentedRequest, SimpleRequest, StreamRequest

PYDANTICS = ("input should", "extra inputs", "field required", "valid string", "valid dictionary", "unable to parse")


def faults(model: Any, body: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(model).validate_python(body)
    return {".".join(map(str, fault["loc"])): words(fault) for fault in caught.value.errors()}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"text": "is needed"}),
        ([], {"": "must be an object"}),
        ({"text": 7}, {"text": "must be a text"}),
        ({"text": ""}, {"text": "may not be empty"}),
        ({"text": "a", "txet": "b"}, {"txet": "there is no such field; did you mean 'text'?"}),
        ({"text": "a", "zzz": "b"}, {"zzz": "there is no such field"}),
        ({"text": "a", "speed": 9}, {"speed": "must be at most 4"}),
        ({"text": "a", "speed": float("nan")}, {"speed": "must be a finite number"}),
        ({"text": "a", "seed": 1.5}, {"seed": "must be a whole number"}),
        ({"text": "a", "top_p": 0}, {"top_p": "must be more than 0"}),
        ({"text": "a", "trim_silence": "maybe"}, {"trim_silence": "must be true or false"}),
        ({"text": "a", "voice": "v" * 200}, {"voice": "may have at most 128 characters"}),
        ({"text": "a", "temperature": 0.001}, {"temperature": "must be 0 (greedy) or at least 0.01"}),
    ],
)
def test_words_of_a_simple_body(body: Any, expected: dict[str, str]) -> None:
    assert faults(SimpleRequest, body) == expected


def test_the_nearest_choice_is_named() -> None:
    said = faults(SimpleRequest, {"text": "a", "output_format": "mp33"})["output_format"]
    assert said.startswith("must be 'mp3', 'wav'")
    assert said.endswith("; did you mean 'mp3'?")


def test_faults_of_parts_keep_their_path_and_know_their_own_fields() -> None:
    body = {"segments": [{"text": "a"}, {"text": "b", "pause_aftr": 1}, {"txt": "c"}], "formt": "mp3"}
    assert faults(SegmentedRequest, body) == {
        "segments.1.pause_aftr": "there is no such field; did you mean 'pause_after'?",
        "segments.2.text": "is needed",
        "segments.2.txt": "there is no such field; did you mean 'text'?",
        "formt": "there is no such field",
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "speed", "x"]), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([SimpleRequest, SegmentedRequest, StreamRequest, SpeechRequest]),
    st.dictionaries(st.sampled_from([*SegmentedRequest.model_fields, *SpeechRequest.model_fields, "text"]), VALUES),
)
def test_no_body_gets_pydantics_words(model: Any, body: Any) -> None:
    try:
        model.model_validate(body)
    except ValidationError as error:
        for fault in error.errors():
            assert fault["type"] == PLAIN
            assert not any(phrase in fault["msg"].lower() for phrase in PYDANTICS), fault


def test_the_words_fit_their_contexts() -> None:
    assert all(text.count("{") == text.count("}") for text in WORDS.values())
