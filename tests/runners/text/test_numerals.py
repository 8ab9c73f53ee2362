from collections.abc import Callable

import pytest

from runners.text.numerals import spell_out


def none(word: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("code", "text", "spelled"),
    [
        ("hi", "0 7 18 99", "शून्य सात अठारह निन्यानबे"),
        ("hi", "100 2024", "एक सौ दो हज़ार चौबीस"),
        ("hi", "1,25,000 रुपये", "एक लाख पच्चीस हज़ार रुपये"),
        ("hi", "123456789", "बारह करोड़ चौंतीस लाख छप्पन हज़ार सात सौ नवासी"),
        ("hi", "1" + "0" * 14, "एक हज़ार खरब"),
        ("hi", "3.14% 5वीं", "तीन दशमलव एक चार% पाँचवीं"),
        ("cs", "Je mi 25. Bydlím tu.", "Je mi dvacet pět. Bydlím tu."),
        ("cs", "Je 3. května 2024.", "Je tři května dva tisíce dvacet čtyři."),
        ("cs", "Dal 1.000.000.", "Dal milion."),
        ("hu", "A pi 3,14159.", "A pi három, egy négy egy öt kilenc."),
        ("pl", "0th", "zeroth"),
    ],
)
def test_numbers_become_words(code: str, text: str, spelled: str) -> None:
    assert spell_out(text, code, none) == spelled


@pytest.mark.parametrize(
    ("reads", "spelled"),
    [
        (lambda word: word == "12,5", "v roce dva tisíce stoupl o 12,5 %"),
        (lambda word: True, "v roce 2000 stoupl o 12,5 %"),
    ],
)
def test_what_upstream_reads_is_left_to_it(reads: Callable[[str], bool], spelled: str) -> None:
    assert spell_out("v roce 2000 stoupl o 12,5 %", "cs", reads) == spelled


def test_every_hindi_number_below_a_hundred_has_its_own_word() -> None:
    words = {spell_out(str(number), "hi", none) for number in range(100)}
    assert len(words) == 100
    assert all(word.isprintable() and " " not in word for word in words)
