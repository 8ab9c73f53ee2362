import random
from pathlib import Path

import pytest

from training.texts import Texts, _dictionary, load_texts

TEXTS = Texts(["alma", "körte", "szilva"], ["Ez itt egy mondat.", "A másik mondat hosszabb, mint az első."])


def test_the_same_seed_draws_the_same_texts() -> None:
    first, second = ([TEXTS.draw(random.Random(seed), 80) for seed in range(50)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 20


@pytest.mark.parametrize("longest", [30, 120])
def test_a_text_is_no_longer_than_asked_for(longest: int) -> None:
    texts = [TEXTS.draw(random.Random(seed), longest) for seed in range(300)]
    assert max(map(len, texts)) <= max(longest, 60)
    assert any(character.isdigit() for text in texts for character in text)
    assert any(" " not in text for text in texts)


def test_what_the_benchmarks_say_is_not_in_the_corpus(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/libreoffice/help/en-US/text"
    for path in (folder, tmp_path / "usr/share/dict"):
        path.mkdir(parents=True)
    (tmp_path / "usr/share/dict/american-english").write_text("apple\nplum\n")
    (folder / "page.html").write_text(
        '<p id="1" class="paragraph">Could you bring me another <b>glass</b> of water, please?</p>'
        '<p id="2" class="paragraph">Choose a colour, then press the key. It is that simple.</p>',
        encoding="utf-8",
    )
    sentences = load_texts("en", tmp_path).sentences
    assert "Choose a colour, then press the key." in sentences
    assert not any("glass of water" in sentence for sentence in sentences)


def test_dictionaries_are_read_without_their_affixes(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/hunspell"
    folder.mkdir(parents=True)
    (folder / "pl_PL.aff").write_bytes(b"SET ISO8859-2\n")
    (folder / "pl_PL.dic").write_bytes("3\nżółw/ABC\nkot/x\n12/y\n".encode("iso8859-2"))
    assert sorted(_dictionary("pl", tmp_path)) == ["12", "3", "kot", "żółw"]


def test_where_no_words_are_the_packages_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="hunspell-hu"):
        load_texts("hu", tmp_path)
