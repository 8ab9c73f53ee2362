"""Chapters cut: nothing lost, no limit passed, sentences whole in all of the model's languages."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from api.jobs.passages import paragraphs, passages

TEXTS = yaml.safe_load((Path(__file__).resolve().parents[3] / "benchmarks" / "language_texts.yaml").read_text())
LANGUAGES = ["en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"]

# Text that looks like any: words, numbers, ends of sentences, abbreviations, and what breaks patterns.
pieces = st.sampled_from(
    ["word", "Dr.", "1823.", "kb.", " ", "\n", "? ", "! ", ". ", "…", "«", "。", "です", "a" * 40, "😀"]
)
texts = st.lists(pieces | st.text(max_size=5), max_size=60).map("".join)


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(texts, st.sampled_from(LANGUAGES), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_only_white_space_is_lost_and_no_limit_passed(text: str, language: str, limit: int) -> None:
    cut = passages(text, language, limit)
    assert bare("".join(cut)) == bare(text)
    if len(text) > limit:
        assert all(0 < len(passage) <= limit for passage in cut)


@given(texts)
@settings(max_examples=100, deadline=None)
def test_paragraphs_lose_nothing_either(text: str) -> None:
    found = paragraphs(text)
    assert bare("".join(found)) == bare(text)
    assert all(paragraph == paragraph.strip() != "" for paragraph in found)


def test_blank_lines_part_paragraphs_and_single_ones_do_not() -> None:
    assert paragraphs("One\ntwo.\r\n\r\n  Three.\n \t\n\n\nFour.\n") == ["One\ntwo.", "Three.", "Four."]


@pytest.mark.parametrize("language", LANGUAGES)
def test_chapters_are_cut_at_the_ends_of_sentences(language: str) -> None:
    sentences = TEXTS[language]["sentences"]
    chapter = ("" if language in ("zh-cn", "ja") else " ").join(sentences * 3)
    limit = 3 * max(map(len, sentences))
    cut = passages(chapter, language, limit)
    assert len(cut) <= 3 * len(chapter) / limit
    ends = {bare(sentence)[-8:] for sentence in sentences}
    assert {bare(passage)[-8:] for passage in cut} <= ends


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("hu", "Petőfi Sándor 1823. január 1-jén született, kb. 3.5 km-re innen."),
        ("hu", "A dr. Kovács pl. azt mondta, hogy stb. és így tovább."),
        ("de", "Am 3. Mai kam Prof. Meier z. B. nach Berlin."),
        ("fr", "Hier soir M. Dupont est venu chez Mme. Durand."),
        ("pl", "Wczoraj dr. Kowalski, np. po południu, przyszedł do nas."),
        ("cs", "Dne 3. května přišel dr. Novák s Ing. Dvořákem."),
        ("en", "Dr. Smith paid $3.50 for it, e.g. in the U.S. market."),
        ("ru", "Это было в 1823 г. в Москве, т. е. давно."),
        ("tr", "Dr. Yılmaz 3. kata çıktı."),
    ],
)
def test_abbreviations_and_ordinals_end_no_sentence(language: str, sentence: str) -> None:
    cut = passages(" ".join([sentence] * 6), language, len(sentence) + 8)
    assert cut == [sentence] * 6


def test_passages_are_about_equal() -> None:
    cut = passages("This is a sentence of some length. " * 100, "en", 500)
    assert min(map(len, cut)) > 350


def test_odd_texts_take_no_time() -> None:
    assert len(passages("«" * 50_000, "fr")) >= 100
