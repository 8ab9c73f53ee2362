import pytest

from runners.text.mapped import MappedText
from runners.text.markdown import without_markup


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain text. Two lines\nhere.", "Plain text. Two lines\nhere."),
        ("1848. március 15-én", "1848. március 15-én"),
        ("3. helyezett lett", "3. helyezett lett"),
        ("**b** *i* ~~s~~ `c` [t](http://u.v/w_x_y)", "b i s c t"),
        ("# A\n\nB", "A. B"),
        ("- a\n- b!\n- c", "a. b! c"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b. 1, 2"),
        ("before\n```py\nx = 1\n```\nafter", "before\n\nafter"),
        ("<p>Hello <b>you</b></p>", "Hello you"),
        ("<speak>Say <emphasis>it</emphasis></speak>", "Say it"),
        ("a &amp; b &lt; c", "a & b < c"),
        ("x < 5 and y > 3", "x < 5 and y > 3"),
        ("[note]: this is said", "[note]: this is said"),
        ("snake_case_name 2 * 3 * 4", "snake_case_name 2 * 3 * 4"),
        ("ő **ű** é", "ő ű é"),
    ],
)
def test_what_is_shown_is_left(text: str, shown: str) -> None:
    assert without_markup(MappedText.of(text)).text == shown


def test_the_map_reaches_through_markup() -> None:
    mapped = without_markup(MappedText.of("ő **ű** é"))
    assert mapped.source(2, 3) == (4, 5)
