"""Languages of a fine-tune: read by their letters, and by nothing of upstream's."""

from pathlib import Path

import pytest
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from runners.checkpoint.agreement import UPSTREAM_LANGUAGES
from runners.checkpoint.look import look_at
from runners.text.own_languages import is_own, read
from runners.text.pieces import TextFrontend
from tests import checkpoints


@pytest.fixture(scope="module")
def folder(hum: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vi")
    checkpoints.own_language(hum, folder)
    return folder


@pytest.fixture(scope="module")
def frontend(folder: Path) -> TextFrontend:
    return TextFrontend(VoiceBpeTokenizer(str(folder / "vocab.json")), look_at(folder).languages, 402)


@pytest.mark.parametrize(
    ("code", "text", "as_read"),
    [
        ("vi", "Xin  chào,\n THẾ giới!", "xin chào, thế giới!"),
        ("vi", "Tôi có 25 con mèo.", "tôi có hai mươi lăm con mèo."),
        ("fa", "سلام  دنيا 7", "سلام دنيا هفت"),
        ("be", "Прывітанне, СВЕТ 3", "прывітанне, свет тры"),
        ("xx", "No words for 12 here", "no words for 12 here"),  # num2words has no such language
    ],
)
def test_reading(code: str, text: str, as_read: str) -> None:
    assert read(text, code) == as_read


def test_upstreams_languages_are_upstreams() -> None:
    """A language that upstream learns to clean must be taken off this way of reading, and the other way round."""
    known = VoiceBpeTokenizer()
    for code in (language.partition("-")[0] for language in UPSTREAM_LANGUAGES):
        assert not is_own(code)
        assert known.preprocess_text("a", code)
    for code in ("vi", "be", "fa"):
        with pytest.raises(NotImplementedError):
            known.preprocess_text("a", code)


def test_pieces_have_the_tag_and_no_unknown_letters(folder: Path, frontend: TextFrontend) -> None:
    tokenizer = VoiceBpeTokenizer(str(folder / "vocab.json")).tokenizer
    (piece,) = frontend.pieces("Xin chào thế giới, 5 lần.", "vi")
    assert piece.text == "xin chào thế giới, năm lần."
    assert tokenizer.id_to_token(piece.tokens[0]) == "[vi]"
    assert tokenizer.token_to_id("[UNK]") not in piece.tokens


def test_long_texts_are_cut_by_the_models_limit(frontend: TextFrontend, folder: Path) -> None:
    assert frontend.limit("vi") == 250
    short = TextFrontend(VoiceBpeTokenizer(str(folder / "vocab.json")), ["vi"], 50)
    assert short.limit("vi") == 31
    pieces = short.pieces("Trời hôm nay đẹp quá. " * 5, "vi")
    assert len(pieces) > 3
    assert all(len(piece.tokens) <= 50 for piece in pieces)
