"""What decides the language of a text: its script, its letters, the voice. The benchmark's texts have their floors."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.language import LanguageDetector, matched_language
from benchmarks.language import KINDS, other_voices, read_texts, same_voice
from runners.errors import InvalidInput

TEXTS = read_texts()
LANGUAGES = list(TEXTS)
LATIN = {"en", "es", "fr", "de", "it", "pt", "pl", "tr", "nl", "cs", "hu"}
DETECTOR = LanguageDetector()

voices = st.sampled_from(LANGUAGES)


def letters(first: str, last: str) -> st.SearchStrategy[str]:
    alphabet = st.characters(min_codepoint=ord(first), max_codepoint=ord(last), categories=["Lu", "Ll", "Lo"])
    return st.tuples(st.text(alphabet, min_size=1, max_size=20), st.sampled_from(["", "!", " 7.", " – 1984"])).map(
        "".join
    )


class TestTheScript:
    @pytest.mark.parametrize(
        ("first", "last", "language"),
        [
            ("가", "힣", "ko"),
            ("ぁ", "ゖ", "ja"),
            ("ァ", "ヺ", "ja"),
            ("ｦ", "ﾝ", "ja"),
            ("अ", "ह", "hi"),
            ("ء", "ي", "ar"),
            ("А", "я", "ru"),
        ],
    )
    def test_one_of_a_single_language_decides(self, first: str, last: str, language: str) -> None:
        @given(letters(first, last), voices)
        @settings(max_examples=60, deadline=None)
        def check(text: str, voice: str) -> None:
            assert DETECTOR.detect(text, LANGUAGES, voice) == language

        check()

    @given(letters("一", "鿿"), voices)
    @settings(max_examples=100, deadline=None)
    def test_han_alone_is_chinese_unless_the_voice_is_japanese(self, text: str, voice: str) -> None:
        assert DETECTOR.detect(text, LANGUAGES, voice) in ({"zh-cn", "ja"} if voice == "ja" else {"zh-cn"})

    @pytest.mark.parametrize("text", ["駅前広場", "営業時間", "新幹線", "図書館"])
    def test_a_japanese_voice_reads_short_han_as_japanese(self, text: str) -> None:
        assert DETECTOR.detect(text, LANGUAGES, "ja") == "ja"

    @given(letters("A", "z"), voices)
    @settings(max_examples=100, deadline=None)
    def test_latin_letters_are_none_of_the_others_but_the_voices_own(self, text: str, voice: str) -> None:
        assert DETECTOR.detect(text, LANGUAGES, voice) in LATIN | {voice}

    @pytest.mark.parametrize(
        ("text", "language"),
        [
            ("iPhoneを買った。", "ja"),
            ("私の家は東京都渋谷区です", "ja"),
            ("Я люблю JavaScript и Python.", "ru"),
            ("अब Google Maps खोलो।", "hi"),
            ("我爱 Python。", "zh-cn"),
            ("The Russian word привет means hello.", "en"),
            ("The word です means is.", "en"),
        ],
    )
    def test_names_in_another_one_do_not_confuse(self, text: str, language: str) -> None:
        assert {DETECTOR.detect(text, LANGUAGES, voice) for voice in ("en", "hu", "ko")} == {language}


class TestTheVoice:
    @given(st.text(st.characters(categories=["Nd", "Po", "Pd", "Zs", "Sm"]), max_size=20), voices)
    @settings(max_examples=100, deadline=None)
    def test_a_text_without_letters_gets_its_language(self, text: str, voice: str) -> None:
        assert DETECTOR.detect(text, LANGUAGES, voice) == voice

    @pytest.mark.parametrize("text", ["Hallo!", "Arany János", "DVD"])
    def test_a_short_text_that_may_be_its_language_is(self, text: str) -> None:
        assert DETECTOR.detect(text, LANGUAGES, "hu") == "hu"

    @given(st.sampled_from(["OK", "A:", "B", "1. a"]), voices)
    @settings(max_examples=30, deadline=None)
    def test_one_that_may_be_any_language_is_its(self, text: str, voice: str) -> None:
        assert DETECTOR.detect(text, LANGUAGES, voice) == voice

    def test_a_clear_text_of_another_language_is_not(self) -> None:
        assert DETECTOR.detect("Where is the nearest pharmacy?", LANGUAGES, "hu") == "en"
        assert DETECTOR.detect("Sajnos nem.", LANGUAGES, "en") == "hu"

    def test_the_beginning_of_a_long_text_decides(self) -> None:
        hungarian, english = (" ".join(TEXTS[language]["sentences"]) for language in ("hu", "en"))
        assert DETECTOR.detect(hungarian + english * 20, LANGUAGES, "de") == "hu"

    def test_a_script_that_no_language_has_says_nothing(self) -> None:
        assert DETECTOR.detect("สวัสดี", LANGUAGES, "pl") == "pl"
        assert DETECTOR.detect("Привет", ["en", "hu"], "hu") == "hu"

    def test_region_and_case_do_not_count(self) -> None:
        assert DETECTOR.detect("1984", LANGUAGES, "EN-us") == "en"
        assert DETECTOR.detect("1984", LANGUAGES, "zh") == "zh-cn"
        assert DETECTOR.detect("你好", ["en", "zh"], "en") == "zh"


class TestTheModelsLanguages:
    @given(
        st.one_of(
            st.text(max_size=30), st.sampled_from([text for kinds in TEXTS.values() for text in kinds["sentences"]])
        ),
        st.lists(st.sampled_from([*LANGUAGES, "sv", "uk", "xx"]), min_size=1, unique=True),
        st.sampled_from([*LANGUAGES, "sv", "xx"]),
    )
    @settings(max_examples=150, deadline=None)
    def test_the_answer_is_always_one_of_them(self, text: str, languages: list[str], voice: str) -> None:
        assert DETECTOR.detect(text, languages, voice) in languages

    def test_the_only_one_needs_no_detection(self) -> None:
        assert DETECTOR.detect("Where is the nearest pharmacy?", ["hu"], "hu") == "hu"

    def test_the_first_of_them_stands_in_for_a_voice_whose_language_is_lacking(self) -> None:
        assert DETECTOR.detect("1984", ["de", "hu"], "en") == "de"

    def test_a_fine_tuned_models_own_are_found_too(self) -> None:
        assert DETECTOR.detect("Tåget till flygplatsen går från spår fyra.", ["en", "de", "sv"], "en") == "sv"
        assert DETECTOR.detect("Добрий день, як ваші справи?", ["ru", "uk"], "ru") == "uk"

        assert DETECTOR.detect("1984", ["en", "sv"], "en") == "en"

    @pytest.mark.parametrize(("said", "spelling"), [("hu", "hu"), ("HU", "hu"), ("zh", "zh-cn"), ("en-GB", "en")])
    def test_spelling(self, said: str, spelling: str) -> None:
        assert matched_language(said, LANGUAGES) == spelling

    def test_one_that_the_model_lacks(self) -> None:
        with pytest.raises(InvalidInput, match=r"no language 'xx'. It has: en, hu\. 'auto'") as error:
            matched_language("xx", ["en", "hu"])
        assert error.value.param == "language"


class TestAccuracy:
    """A few points under what benchmarks/results/language.md reports."""

    def test_there_are_enough_texts(self) -> None:
        assert len(LANGUAGES) == 17
        for kinds in TEXTS.values():
            assert all(len(set(kinds[kind])) >= 20 for kind in KINDS if kind != "cut_from_sentences")

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_sentences(self, language: str) -> None:
        assert same_voice(DETECTOR, TEXTS, language, "sentences") == 100
        assert other_voices(DETECTOR, TEXTS, language, "sentences") >= 98

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_three_words(self, language: str) -> None:
        assert same_voice(DETECTOR, TEXTS, language, "three_words") >= 95
        assert other_voices(DETECTOR, TEXTS, language, "three_words") >= 93

    def test_one_or_two_words(self) -> None:
        same = [same_voice(DETECTOR, TEXTS, language, "one_or_two_words") for language in LANGUAGES]
        other = [other_voices(DETECTOR, TEXTS, language, "one_or_two_words") for language in LANGUAGES]
        assert sum(same) / len(same) >= 98
        assert sum(other) / len(other) >= 80


def test_threads_may_share_it() -> None:
    cases = [(text, LANGUAGES, "en") for kinds in TEXTS.values() for text in kinds["three_words"]]
    alone = [DETECTOR.detect(*case) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda case: DETECTOR.detect(*case), cases)) == alone
