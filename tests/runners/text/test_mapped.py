from hypothesis import given
from hypothesis import strategies as st

from runners.text.mapped import Edit, MappedText, Span


def test_what_is_put_in_comes_from_what_it_replaces() -> None:
    mapped = MappedText.of("one 22 three").replace([Edit(4, 6, "twenty-two")])
    assert mapped.text == "one twenty-two three"
    assert list(mapped.spans()) == [Span(0, 4, 0, 4), Span(4, 14, 4, 6), Span(14, 20, 6, 12)]
    assert mapped.source(7, 9) == (4, 6)


def test_edits_of_edits_reach_the_original() -> None:
    mapped = MappedText.of("a **5** b").replace([Edit(2, 4, ""), Edit(5, 7, "")]).replace([Edit(2, 3, "five")])
    assert mapped.text == "a five b"
    assert mapped.source(2, 6) == (4, 5)


def test_an_empty_stretch_lies_between_its_neighbours() -> None:
    mapped = MappedText.of("ab").replace([Edit(1, 1, "-")])
    assert mapped.text == "a-b"
    assert mapped.source(1, 2) == (1, 1)


def test_a_cut_has_no_white_space_around_it_and_keeps_its_places() -> None:
    cut = MappedText.of("one  two  three").cut(3, 10)
    assert (cut.text, cut.source(0, 3)) == ("two", (5, 8))


@given(text=st.text(max_size=60), data=st.data())
def test_places_only_grow(text: str, data: st.DataObject) -> None:
    mapped = MappedText.of(text)
    for _ in range(3):
        bounds = sorted(data.draw(st.lists(st.integers(0, len(mapped.text)), max_size=6)))
        edits = [Edit(a, b, data.draw(st.text(max_size=5))) for a, b in zip(bounds[::2], bounds[1::2], strict=False)]
        mapped = mapped.replace(edits)
    places = [mapped.source(at, at + 1) for at in range(len(mapped.text))]
    assert places == sorted(places)
    assert all(0 <= start <= stop <= len(text) for start, stop in places)
