from pathlib import Path

import pytest

from runners.models.record import record_of, recorded_source


@pytest.mark.parametrize(
    "content", [None, "", "- a", "name: x", "metadata: 3", "metadata: {}", "metadata: {source: [1]}", "a: [", "\0"]
)
def test_what_we_did_not_write_records_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "model.yaml").write_text(content)
    assert recorded_source(tmp_path) is None
    assert record_of("demo", tmp_path) == {"source": "demo"}
    assert record_of(str(tmp_path), tmp_path) == {"source": "a folder"}


def test_copy_keeps_the_first_source(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text("name: tuned\nmetadata:\n  source: s3://models/tuned\n")
    assert record_of("tuned:1", tmp_path) == {"source": "s3://models/tuned"}
