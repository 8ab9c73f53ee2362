"""JSON with places: every value is found where it stands, and what is wrong has its line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.wording import shown
from client.document import BatchFileError, Fault, Path, read

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    SCALARS | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=20,
)
LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 2, "\t", " \t"]),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,", "\n:\r\n"), ("\n,", "\t:\n ")]),
        "ensure_ascii": st.booleans(),
    }
)


def everywhere(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every value inside `value`, itself included, with its path."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [(path, value), *(found for step, inner in steps for found in everywhere(inner, (*path, step)))]


@settings(max_examples=150, deadline=None)
@given(VALUES, LAYOUTS, st.sampled_from(["", "\n", " \r\n\t"]))
def test_every_value_is_found_where_it_stands(value: Any, layout: dict[str, Any], around: str) -> None:
    text = around + json.dumps(value, **layout) + around

    document = read(text.encode())

    assert document.value == value
    assert not document.faults
    decode = json.JSONDecoder().raw_decode
    for path, inner in everywhere(value):
        assert decode(text, document.values[path])[0] == inner
        if path and isinstance(path[-1], str):
            assert decode(text, document.names[path])[0] == path[-1]
            assert document.fault(path, "").line <= document.line(path)


@settings(max_examples=50, deadline=None)
@given(VALUES, LAYOUTS)
def test_lines_and_columns_are_those_an_editor_shows(value: Any, layout: dict[str, Any]) -> None:
    text = json.dumps(value, **layout)
    document = read(text.encode())
    lines = text.split("\n")

    for path in document.values:
        fault = document.fault(path, "wrong")
        before = sum(len(line) + 1 for line in lines[: fault.line - 1])
        assert before + fault.column - 1 == document.values[path]


@pytest.mark.parametrize(
    ("data", "line", "column", "words"),
    [
        (b"", 1, 1, "the file is empty"),
        (b" \n\t", 1, 1, "the file is empty"),
        (b'{\n  "a": 1,\n}', 3, 1, "the comma before it is one too many"),
        (b"[1, 2, ]", 1, 8, "the comma before it is one too many"),
        (b"{'a': 1}", 1, 2, "double quotes"),
        ("{“a”: 1}".encode(), 1, 2, "straight ones"),
        ('{"a": „b“}'.encode(), 1, 7, "straight ones"),
        ('{"a": "b”, "c": "d"}'.encode(), 1, 13, "curly quote"),
        (b'{\n  // so\n  "a": 1}', 2, 3, "no comments"),
        (b'{"a": 1 /* so */}', 1, 9, "no comments"),
        (b'{"a": 1} # so', 1, 10, "no comments"),
        (b"[" + b"9" * 5000 + b", x]", 1, 5004, "not JSON"),
        (b'{"a": 1}\n{', 2, 1, "not JSON"),
        (b'{"a":\n  "tab\there"}', 2, 7, "not JSON"),
        (b'{\n "a": "\xc3\xa9\xe9"}', 2, 9, "not UTF-8"),
        (b"\xff\xfe{\x00", 1, 1, "not UTF-8"),
        (b"[" * 100_000, 1, 1, "too deep"),
        (b"[" * 900 + b"]" * 900, 1, 1, "too deep"),
    ],
)
def test_what_is_no_json_is_one_fault_with_its_place(data: bytes, line: int, column: int, words: str) -> None:
    with pytest.raises(BatchFileError) as caught:
        read(data)

    [fault] = caught.value.faults
    assert (fault.line, fault.column) == (line, column)
    assert words in fault.message


def test_a_byte_order_mark_is_welcome() -> None:
    document = read(b'\xef\xbb\xbf{"a": 1}')

    assert document.value == {"a": 1}
    assert document.fault(("a",), "").column == 7


def test_a_name_given_twice_is_a_fault_of_the_second() -> None:
    fault = Fault(2, 2, "$.a", '"a" stands here twice, first on line 1; keep one')
    assert read(b'{"a": 1,\n "a": 2}').faults == [fault]


def test_a_name_given_twice_does_not_make_its_inside_wrong() -> None:
    document = read(b'{"a": {"b": 1}, "a": {"b": 2}}')

    assert [fault.path for fault in document.faults] == ["$.a"]


def test_paths_quote_the_names_that_need_it() -> None:
    document = read(b'{"style": {"very happy": [0]}}')

    assert document.fault(("style", "very happy", 0), "").path == '$.style["very happy"][0]'


def test_long_values_are_shown_short() -> None:
    assert len(shown("x" * 500)) == 60
    assert shown([1] * 300) == "an array of 300"
    assert shown("é") == '"é"'
