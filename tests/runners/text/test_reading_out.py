"""Whole texts: how native readers read them, what upstream reads as we do, and what no text may do."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from runners.text.mapped import MappedText
from runners.text.pieces import TextFrontend
from runners.text.reading_out import has_something_to_say, read_out
from tests.runners.text.pairs import LANGUAGES, Pair, is_right, pairs, read

PARITY = yaml.safe_load((Path(__file__).parent / "parity.yaml").read_text("utf-8"))
MARKS = "0123456789.,-:/$€£%°&#@ *_`[]()<>|~\\\n'\"½²IVXabkmh"
HOSTILE = [
    *("1.", "1", "https://a.b/c?d=e ", "x²", "1年", "A.", "1e5 ", "[", "![", "<a ", "a@", "**", "|a|b|\n", "- ", "> "),
    *("\u0301", "😊", "&amp;", "12.30-kor ", "2024.03.15.", "+36 30 ", "<break/>", "½", "\ud800", "a_B", "XX. "),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_read_as_native_readers_read_them(language: str) -> None:
    wrong = [(pair.text, read(pair), pair.readings) for pair in pairs(language) if not is_right(pair, read(pair))]
    assert wrong == []


def test_there_are_pairs_enough_in_every_language() -> None:
    counts = {language: len(list(pairs(language))) for language in LANGUAGES}
    assert len(counts) == 17
    assert counts["hu"] >= 120
    assert counts["en"] >= 100
    assert min(counts.values()) >= 25


def test_a_wrong_reading_is_told_from_a_right_one() -> None:
    pair = Pair("en", "years", "in 1999", ["in nineteen ninety-nine"])
    assert is_right(pair, "In  nineteen ninety-nine")
    assert not is_right(pair, "in one thousand nine hundred and ninety-nine")


@pytest.mark.parametrize(("language", "text"), [(language, text) for language in PARITY for text in PARITY[language]])
def test_a_text_with_nothing_to_expand_has_upstreams_tokens(hum: Path, language: str, text: str) -> None:
    tokenizer = VoiceBpeTokenizer(hum / "vocab.json")
    reading = read_out(MappedText.of(text), language, {}).text
    [piece] = TextFrontend(tokenizer, list(PARITY), 402).pieces(reading, language)
    assert list(piece.tokens) == tokenizer.encode(text.lower(), lang=language)


@given(
    text=st.one_of(st.text(max_size=200), st.text(alphabet=MARKS, max_size=200)), language=st.sampled_from(LANGUAGES)
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_mapped(text: str, language: str) -> None:
    reading = read_out(MappedText.of(text), language, {})
    at = before = 0
    for start, stop, from_start, from_stop in reading.spans():
        assert start == at < stop
        assert before <= from_start <= from_stop <= len(text)
        at, before = stop, from_start
    assert at == len(reading.text)


@pytest.mark.parametrize("language", ["hu", "en", "zh", "hi"])
def test_ten_thousand_hostile_characters_are_read(language: str) -> None:
    for unit in HOSTILE:
        text = (unit * 10_000)[:10_000]
        assert len(read_out(MappedText.of(text), language, {}).text) <= 20 * len(text), unit


def test_spans_tell_the_callers_own_words() -> None:
    text = "Ma **3 000 Ft** volt."
    reading = read_out(MappedText.of(text), "hu", {})
    assert reading.text == "Ma háromezer forint volt."
    assert [
        (reading.text[span.start : span.stop], text[span.from_start : span.from_stop]) for span in reading.spans()
    ] == [
        ("Ma ", "Ma "),
        ("háromezer forint", "3 000 Ft"),
        (" volt.", " volt."),
    ]


@pytest.mark.parametrize("text", [".", "---", "😊", "?!", "  ", "```\ncode\n```", "<br/>", "**"])
def test_nothing_to_say(text: str) -> None:
    assert not has_something_to_say(read_out(MappedText.of(text), "en", {}).text)


def test_not_normalized_is_as_it_was() -> None:
    text = "**Dr. Smith** paid $5 😊"
    assert read_out(MappedText.of(text), "en", {}, normalized=False).text == text


def test_a_language_without_a_table_is_cleaned() -> None:
    assert read_out(MappedText.of("**xin** chào 5"), "vi", {}).text == "xin chào 5"
