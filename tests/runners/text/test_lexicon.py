import time

import pytest

from runners.errors import InvalidInput
from runners.text.lexicon import pronounce, terms_for
from runners.text.mapped import MappedText
from runners.text.normalise import language_of


@pytest.mark.parametrize(
    ("language", "terms", "text", "said"),
    [
        ("en", {"SQL": "sequel"}, "SQL and MySQL and sql", "sequel and MySQL and sql"),
        ("en", {"sql": "sequel"}, "SQL and Sql", "sequel and sequel"),
        ("en", {"C++": "see plus plus"}, "C++ is C", "see plus plus is C"),
        ("en", {"New York": "noo york", "New": "noo"}, "New York, New", "noo york, noo"),
        ("hu", {"API": "épiáj"}, "Az API-t az API-ban.", "Az épiájt az épiájban."),
        ("hu", {"NATO": "nato"}, "NATO-ban", "natóban"),
        ("en", {"API": "A P I"}, "API-first", "A P I-first"),
        ("en", {"us": "you ess", "US": "states"}, "US, us, Us", "states, you ess, you ess"),
        ("en", {" API ": "a p i", "API": "x"}, "API", "a p i"),
    ],
)
def test_whole_words_are_respelled(language: str, terms: dict[str, str], text: str, said: str) -> None:
    assert pronounce(MappedText.of(text), terms, language_of(language)).text == said


def test_the_nearest_source_wins_and_languages_count_alone() -> None:
    request, voice = {"a": "request"}, {"a": "voice", "hu": {"b": "magyar"}, "en-GB": {"c": "english"}}
    assert terms_for("hu", request, voice) == {"a": "request", "b": "magyar"}
    assert terms_for("en", {}, voice) == {"a": "voice", "c": "english"}


def test_respellings_do_not_make_a_text_out_of_all_proportion() -> None:
    short = pronounce(MappedText.of("a"), {"a": "b" * 300}, None)
    assert short.text == "b" * 300
    with pytest.raises(InvalidInput, match="4 times as long") as refused:
        pronounce(MappedText.of("a " * 1000), {"a": "b" * 300}, None)
    assert refused.value.param == "pronunciations"


def test_many_terms_that_begin_alike_take_no_time() -> None:
    terms = {f"a b{number:04d}{'c' * (number % 90)}": "d" for number in range(1000)}
    began = time.thread_time()
    assert pronounce(MappedText.of("a b0000ccc " * 900), terms, None).text == "a b0000ccc " * 900
    assert time.thread_time() - began < 2.0  # 0.04 s on an idle machine; 16 where each term is compared
