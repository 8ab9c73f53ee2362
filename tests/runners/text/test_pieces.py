"""Texts against upstream's own tokenizer on the demo checkpoint's vocabulary."""

import json
import logging
import sys
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from runners.errors import InvalidInput
from runners.text.mapped import MappedText
from runners.text.pieces import Piece, TextFrontend
from runners.text.reading_out import read_out

MAX_TOKENS = 402

# Digits, abbreviations, currency, quotes; in Hindi and Czech none of the numbers that upstream cannot read.
SENTENCES = {
    "en": 'Dr. Smith paid $20.15 for 3 books, the 2nd of them "almost new", and 14% more for 1,250 stamps!',
    "es": "El Dr. García pagó 20,15€ por 3 libros, el 1º «casi nuevo»; ¿y la Sra. Díaz? Nada & punto.",
    "fr": "Mme. Moreau a payé 20,15€ pour 3 livres, le 1er « presque neuf » ; n'est-ce pas ? À 12,5 % près…",
    "de": "Fr. Müller zahlte 20,15€ für 3 Bücher, das 2. „fast neu“ – und 12,5 % mehr für 1.250 Briefmarken!",
    "it": 'Il Sig. Rossi ha pagato 20,15€ per 3 libri, il 1° "quasi nuovo": c\'è altro? Sì, il 12,5%.',
    "pt": "O Sr. Silva pagou 20,15€ por 3 livros, o 1º “quase novo”, e mais 12,5% pelos 1.250 selos. Não é?",
    "pl": "Dr. Nowak zapłacił 20,15€ za 3 książki, jedną „prawie nową”, i 12,5% więcej za 1250 znaczków!",
    "tr": "Dr. Yılmaz 3 kitap için 20€ ödedi; 2. kitap “neredeyse yeni” idi, İstanbul'da ise %14 fazla.",
    "ru": "Г-н Иванов заплатил 20.15€ за 3 книги, «почти новые», и на 12.5% больше за марки — верно?",
    "nl": "Dhr. Jansen betaalde 20,15€ voor 3 boeken, het 2de 'bijna nieuw', en 12,5% meer voor zegels!",
    "cs": "Dr. Novák zaplatil 20,15€ za 3 knihy, jednu „skoro novou“, a o 12,5 % víc za 1 250 známek!",
    "ar": "دفع الدكتور 20 جنيها مقابل 3 كتب، «شبه جديدة»؛ أليس كذلك؟ نعم، بزيادة 12,5%.",
    "zh-cn": "史密斯先生花了20.15元买了3本书，“几乎全新”；对吗？2024年5月1日，多了14%！",
    "hu": "Dr. Kovács 2024. május 1-jén 20,15€-t adott 3 könyvért, a 2. „majdnem új” volt; 12,5%-kal több!",
    "ko": '김 박사는 책 3권에 20달러를 냈고, 2번째는 "거의 새것"이었다. 12.5% 더 비쌌나요?',
    "ja": "スミスさんは本を3冊、20ドルで買いました。「ほとんど新品」だそうです！カレー、食べますか？",
    "hi": "डॉक्टर शर्मा ने तीन किताबें खरीदीं, “लगभग नई”; क्या यह सच है? हाँ, ज़रूर। बहुत बढ़िया!",
}
HUNGARIAN = (
    "A vállalat 2023. évi árbevétele 1.234.567 euró volt, ami 12,5%-kal több, mint 2022-ben. Dr. Kovács "
    "szerint a növekedés fő oka, hogy 3 új üzem nyílt: az 1. Győrben, a 2. Szegeden, a 3. pedig Pécsett. "
    "A dolgozók száma 4.321 főről 5.678 főre nőtt, és az átlagbér is emelkedett. „Nem állunk meg” – mondta "
    "az igazgató; a következő 5 évben újabb 25 millió eurót költenek fejlesztésre és gépekre. Mi lesz ezután?"
)
CHINESE = (
    "昨天从早上开始一直下雨，所以我在家里安静地看书。到了傍晚，天空放晴了，我看见了一道漂亮的彩虹！"
    "据报道，新的高速铁路将于2025年4月正式通车，届时从北京到上海的旅行时间将缩短到4个小时。你想去看看吗？"
)
ODD_TEXTS = [
    *("1" * 400, "9" * 20, "9" * 15 + ".5", "0.0000001", "3,14159", "1.2.3.4", "1.000.000,5.", "13812345678"),
    *("$1e9", "$.", "€" * 50 + "1", "½", "x²", "1/0", "0th", "0번째", "0-й", "3. 5.", "99年13月40日"),
    "2£1%$ $£$0th €1",  # a currency that fails keeps others from being read
    *(
        "٣",
        "٢٠٢٤",
        "२०२४",
        "１２３",
        "a\u0000b",
        "a\ud800b",
        "\u3097か",
        "a" + "\u0301" * 300,
        "💩 ok 💩",
        "[" * 50,
    ),
]
HEAVY_UNITS = ["1" * 15 + " ", "1.", ".", "$1 ", "3. ", "3,14159 ", "a", "1999年", "漢字", "[en]"]


@pytest.fixture(scope="module")
def tokenizer(hum: Path) -> VoiceBpeTokenizer:
    return VoiceBpeTokenizer(hum / "vocab.json")


@pytest.fixture(scope="module")
def languages(hum: Path) -> list[str]:
    return json.loads((hum / "config.json").read_text())["languages"]


@pytest.fixture(scope="module")
def frontend(tokenizer: VoiceBpeTokenizer, languages: list[str]) -> TextFrontend:
    return TextFrontend(tokenizer, languages, MAX_TOKENS)


def letters(text: str) -> str:
    return "".join(text.split())


def said(pieces: list[Piece]) -> str:
    return letters("".join(piece.text for piece in pieces))


def check(frontend: TextFrontend, text: str, language: str) -> list[Piece]:
    """The pieces of any text, none if it is refused. Whatever the text, they keep their promises."""
    try:
        pieces = frontend.pieces(text, language)
    except InvalidInput as refusal:
        assert refusal.param == "text"  # noqa: PT017 (either outcome is right)
        return []
    for piece in pieces:
        assert 0 < len(piece.text) <= frontend.limit(language)
        assert 1 < len(piece.tokens) < MAX_TOKENS
        assert piece.text == piece.text.strip()
    return pieces


class TestParity:
    def test_there_is_a_sentence_in_every_language(self, languages: list[str]) -> None:
        assert set(SENTENCES) == set(languages)

    @pytest.mark.parametrize("language", SENTENCES)
    def test_a_text_that_fits_is_one_piece_with_upstreams_tokens(
        self, frontend: TextFrontend, tokenizer: VoiceBpeTokenizer, language: str
    ) -> None:
        text = f" {SENTENCES[language]}\n"
        [piece] = frontend.pieces(text, language)
        assert list(piece.tokens) == tokenizer.encode(text.strip().lower(), lang=language)
        assert piece.text == tokenizer.preprocess_text(text.strip().lower(), language.split("-")[0])

    def test_vocalised_arabic_keeps_the_order_of_its_marks(
        self, frontend: TextFrontend, tokenizer: VoiceBpeTokenizer
    ) -> None:
        text = "الس\u0651\u064eلام"  # Unicode's NFC would swap the shadda with its vowel
        [piece] = frontend.pieces(text, "ar")
        assert list(piece.tokens) == tokenizer.encode(text, lang="ar")

    @pytest.mark.parametrize(
        ("written", "meant"), [("zh", "zh-cn"), ("zh-CN", "zh-cn"), ("en-US", "en"), ("PT-br", "pt")]
    )
    def test_a_region_makes_no_difference(self, frontend: TextFrontend, written: str, meant: str) -> None:
        assert frontend.pieces("你好 hello 12", written) == frontend.pieces("你好 hello 12", meant)


class TestCleaning:
    @pytest.mark.parametrize(
        ("language", "seen", "written"),
        [
            ("hu", "árvíztűrő", "a\u0301rvi\u0301ztu\u030bro\u030b"),
            ("ko", "한국 나라", unicodedata.normalize("NFD", "한국 나라")),
            ("ja", "がぱ", "か\u3099は\u309a"),
            ("ru", "йод", "и\u0306од"),
            ("ar", "آمن", "ا\u0653من"),
            ("en", "cooperate now", "\ufeffco\u00adop\u200berate\u0000\u202enow\u2069"),
            ("en", "ab", "a\ud800b"),
            ("hi", "साल 2024", "साल २०२४"),
            ("ar", "عام 2024", "عام ٢٠٢٤"),
            ("ja", "猫と 犬", "猫と\n犬"),
        ],
    )
    def test_what_looks_the_same_reads_the_same(
        self, frontend: TextFrontend, language: str, seen: str, written: str
    ) -> None:
        assert frontend.pieces(written, language) == frontend.pieces(seen, language)

    @pytest.mark.parametrize("language", ["en", "ja", "zh"])
    @pytest.mark.parametrize(
        "tag",
        ["[en]", "[STOP]", "[SPACE]", "[UNK]", "[[de]]", '["zh-cn]', "[\u200bja]", "[e[hu]n]", "[[[hu]]]"],
    )
    def test_no_text_makes_a_special_token(
        self, frontend: TextFrontend, tokenizer: VoiceBpeTokenizer, language: str, tag: str
    ) -> None:
        [piece] = frontend.pieces(f"hello{tag}there", language)
        specials = tokenizer.tokenizer.get_added_tokens_decoder()
        made = [specials[token].content for token in piece.tokens[1:] if token in specials]
        assert set(made) <= {"[SPACE]", "[UNK]"}
        assert made.count("[SPACE]") == piece.text.count(" ")
        assert piece.text.startswith("hello")
        assert piece.text.endswith("there")


class TestRefusals:
    @pytest.mark.parametrize("language", ["en", "ja", "zh", "hu"])
    @pytest.mark.parametrize("text", ["", "  \n", '""', "...", "?! — …", "\u200b\u202e", "😀", "。、", "«»"])
    def test_nothing_to_say(self, frontend: TextFrontend, text: str, language: str) -> None:
        assert frontend.pieces(text, language) == []

    def test_letters_that_the_vocabulary_lacks(self, frontend: TextFrontend) -> None:
        with pytest.raises(InvalidInput, match="knows none of this text's letters in 'en-GB'") as refusal:
            frontend.pieces("สวัสดี", "en-GB")
        assert refusal.value.param == "text"

    @pytest.mark.parametrize("language", ["xx", "", "english", "-en"])
    def test_an_unknown_language_is_told_the_known_ones(self, frontend: TextFrontend, language: str) -> None:
        with pytest.raises(InvalidInput, match=r"en, .*zh-cn") as refusal:
            frontend.pieces("hello", language)
        assert refusal.value.param == "language"


class TestLongTexts:
    def test_hungarian_is_cut_at_the_ends_of_sentences(
        self, frontend: TextFrontend, tokenizer: VoiceBpeTokenizer
    ) -> None:
        pieces = frontend.pieces(HUNGARIAN, "hu")
        assert said(pieces) == letters(tokenizer.preprocess_text(HUNGARIAN.lower(), "hu"))
        assert [piece.text[-7:] for piece in pieces] == ["tő-ben.", "écsett.", "kedett.", "ezután?"]

    def test_chinese_is_cut_at_its_own_full_stops(self, frontend: TextFrontend, tokenizer: VoiceBpeTokenizer) -> None:
        text = CHINESE * 10
        pieces = frontend.pieces(text, "zh-cn")
        assert said(pieces) == letters(tokenizer.preprocess_text(text, "zh"))
        assert 13 <= len(pieces) <= 20  # 1000 characters, 82 a piece at most
        last_words = {piece.text.rstrip(",")[-5:] for piece in pieces}
        assert last_words <= {"4shu1", "hong2", "3shi2", "n4ma5"}

    def test_a_word_of_600_letters_is_cut_evenly(self, frontend: TextFrontend) -> None:
        pieces = frontend.pieces("ab" * 300, "en")
        assert said(pieces) == "ab" * 300
        assert [len(piece.text) for piece in pieces] == [200, 200, 200]

    def test_numbers_count_as_they_are_read(self, frontend: TextFrontend) -> None:
        text = "1777777 " * 25  # 200 characters as written, far more than 224 as read
        assert len(check(frontend, text, "hu")) > 5

    def test_only_the_numbers_that_upstream_fails_on_are_spelled_out(self, frontend: TextFrontend) -> None:
        [piece] = frontend.pieces("Roste o 12,5 % a 3. května 2024. Stojí 20€.", "cs")
        assert piece.text == (
            "roste o dvanáct celá pět procento a tři května dva tisíce dvacet čtyři. stojí dvacet euro."
        )

    def test_a_piece_with_nothing_to_say_is_left_out(self, frontend: TextFrontend) -> None:
        pieces = frontend.pieces("One sentence. " + "- " * 600 + "สวัสดี" * 100 + " Another one.", "en")
        assert said(pieces).startswith("onesentence.")
        assert said(pieces).endswith("anotherone.")
        assert len(pieces) == 2

    def test_upstreams_warning_about_long_texts_is_not_logged(
        self, frontend: TextFrontend, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            frontend.pieces(HUNGARIAN, "hu")
        assert caplog.records == []

    def test_limits_count_the_letters_that_are_read(self, frontend: TextFrontend) -> None:
        limits = {language: frontend.limit(language) for language in ("en", "hu", "ja", "ko", "zh")}
        assert limits == {"en": 250, "hu": 224, "ja": 213, "ko": 247, "zh": 369}

    def test_a_small_checkpoint_has_smaller_pieces(self, tokenizer: VoiceBpeTokenizer, languages: list[str]) -> None:
        small = TextFrontend(tokenizer, languages, 50)
        for text in (HUNGARIAN, "x" * 98, "x" * 100):  # a token for each x
            assert max(len(piece.tokens) for piece in small.pieces(text, "hu")) < 50


class TestPlaces:
    def test_a_piece_knows_the_callers_own_words(self, frontend: TextFrontend) -> None:
        """By the map of the text as it is read, and the piece's span within that."""
        text = "**Fontos:** a gép 1848-ban 3 000 000 Ft-ba került. " * 8
        reading = read_out(MappedText.of(text), "hu", {})
        pieces = frontend.pieces(reading.text, "hu")
        own = [text[slice(*reading.source(*piece.span))] for piece in pieces]
        assert len(pieces) > 1
        assert all(words.strip("*").startswith("Fontos:") and words.endswith("került.") for words in own)
        assert " ".join(words.strip("*") for words in own).count("1848-ban") == 8


class TestAnyText:
    @pytest.mark.parametrize("language", SENTENCES)
    def test_odd_texts_are_read(self, frontend: TextFrontend, language: str) -> None:
        for text in ODD_TEXTS:
            assert check(frontend, f"{text} abc", language), text

    @given(text=st.text(max_size=400), language=st.sampled_from(sorted(SENTENCES)))
    @settings(max_examples=100, deadline=None)
    def test_any_characters(self, frontend: TextFrontend, text: str, language: str) -> None:
        check(frontend, text, language)

    @given(
        text=st.text(alphabet="0123456789.,-:/$€£%°&#@ th年月日번째a. [en]'\"", max_size=300),
        language=st.sampled_from(sorted(SENTENCES)),
    )
    @settings(max_examples=200, deadline=None)
    def test_any_numbers(self, frontend: TextFrontend, text: str, language: str) -> None:
        check(frontend, text, language)

    @given(data=st.data(), language=st.sampled_from(sorted(SENTENCES)))
    @settings(max_examples=60, deadline=None)
    def test_nothing_is_lost_or_said_twice(
        self, frontend: TextFrontend, tokenizer: VoiceBpeTokenizer, data: st.DataObject, language: str
    ) -> None:
        words = SENTENCES[language].split()
        text = " ".join(data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=150)))
        whole = tokenizer.preprocess_text(text.lower(), language.split("-")[0])
        assert said(check(frontend, text, language)) in (letters(whole), "")

    @pytest.mark.parametrize("language", SENTENCES)
    def test_ten_thousand_characters_take_no_time(self, frontend: TextFrontend, language: str) -> None:
        for unit in (SENTENCES[language], *HEAVY_UNITS):
            began = time.thread_time()  # this thread's own
            check(frontend, (unit * 10_000)[:10_000], language)
            assert time.thread_time() - began < 2.0, unit  # 0.6 s at most on an idle machine


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads take turns every ten microseconds, as they might on a loaded server."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("busy_threads")
def test_threads_do_not_mix_their_texts(frontend: TextFrontend) -> None:
    tasks = [(SENTENCES["ja"], "ja"), ("吾輩は猫である。名前はまだ無い。", "ja")]
    tasks += [(f"{number} x {number}", code) for number in ("1,5", "3,125") for code in ("de", "en", "ar")]
    alone = [frontend.pieces(*task) for task in tasks]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda task: frontend.pieces(*task), tasks * 100))
    assert together == alone * 100
