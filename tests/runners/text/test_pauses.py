import pytest

from runners.errors import InvalidInput
from runners.text.pauses import stretches


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One.[pause:1.5s] Two.", [("One.", 1.5), ("Two.", 0)]),
        ("One. [pause:300ms]", [("One.", 0.3), ("", 0)]),
        ('<break time="2s"/>One.', [("", 2), ("One.", 0)]),
        ("One. <break time='250ms' /> Two.", [("One.", 0.25), ("Two.", 0)]),
        ('One.<break strength="strong"/>Two.', [("One.", 0.75), ("Two.", 0)]),
        ("One.<break/>Two.", [("One.", 0.5), ("Two.", 0)]),
        ("One [pause: soon] two <broken>", [("One [pause: soon] two <broken>", 0)]),
    ],
)
def test_pauses_part_a_text(text: str, found: list[tuple[str, float]]) -> None:
    assert [(each.text.text, each.pause) for each in stretches(text)] == found


def test_stretches_know_where_they_are() -> None:
    second = stretches("One.[pause:1s] Two.")[1].text
    assert second.source(0, 4) == (15, 19)


@pytest.mark.parametrize("text", ["a[pause:61s]b", '<break time="70000ms"/>'])
def test_a_pause_lasts_a_minute_at_most(text: str) -> None:
    with pytest.raises(InvalidInput, match="60 seconds") as refusal:
        stretches(text)
    assert refusal.value.param == "text"
