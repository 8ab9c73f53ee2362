"""A line a sample: JSON Lines and CSV, and the line of what is wrong with them."""

from pathlib import Path

import pytest

from client.batch_file import load
from client.document import BatchFileError

LINES = '{"id": "a", "text": "One.", "speed": 1.2}\n\n{"id": "b", "segments": [{"text": "Two."}]}\n'
CSV = 'id,text,speed,style\r\na,"One, and\nmore.",1.2,\r\n007,12,,"{""calm"": 1}"\r\n'


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


def test_json_lines(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.NDJSON"):
        _, samples = load(written(tmp_path, name, "\ufeff" + LINES))
        assert [(each.id, each.text, each.speed) for each in samples] == [("a", "One.", 1.2), ("b", None, 1.0)]


def test_csv(tmp_path: Path) -> None:
    _, samples = load(written(tmp_path, "a.csv", CSV))
    assert [(each.id, each.text, each.speed) for each in samples] == [("a", "One, and\nmore.", 1.2), ("007", "12", 1.0)]
    assert samples[1].style == {"calm": 1}


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("a.jsonl", LINES + "{]\n", 4, "not JSON"),
        ("a.jsonl", '{"id": "a", "text": "x"}\n{"id": "b", "text": "x",\n"speed": 1}', 2, "not JSON"),
        ("a.jsonl", LINES + '{"id": "c", "text": "x", "sped": 1}', 4, "sped"),
        ("a.jsonl", LINES + '{"id": "A", "text": "x"}', 4, "already the id on line 1"),
        ("a.jsonl", LINES + '{"id": "c", "text": "x", "speed": 9}', 4, "speed"),
        ("a.jsonl", LINES + "[1]", 4, "object"),
        ("a.jsonl", LINES + "{'id': 'c'}", 4, "' is not JSON here: texts and names"),
        ("a.jsonl", LINES + '{“id”: "c"}', 4, "straight ones"),
        ("a.jsonl", LINES + "// more\n", 4, "no comments"),
        ("a.jsonl", "\n", 1, "examples/input_samples.json"),
        ("a.csv", "", 1, "examples/input_samples.json"),
        ("a.csv", "id,text\n", 1, "a line for each sample"),
        ("a.csv", CSV + "c,x,9,\r\n", 5, "speed"),
        ("a.csv", CSV + "c,x,fast,\r\n", 5, "fast"),
        ("a.csv", CSV + "c,x\r\n", 5, "2 fields, where the first line names 4"),
        ("a.csv", CSV + "A,x,,\r\n", 5, "already the id on line 2"),
        ("a.csv", CSV.replace("speed", "sped"), 1, "sped"),
        ("a.csv", CSV + 'c,"x', 5, "not CSV"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, name: str, text: str, line: int, words: str) -> None:
    with pytest.raises(BatchFileError) as refused:
        load(written(tmp_path, name, text))
    assert any(fault.line == line and words in str(fault) for fault in refused.value.faults), refused.value.faults
