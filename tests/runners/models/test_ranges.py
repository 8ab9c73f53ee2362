from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.models.ranges import Unreadable, append_in_parallel


@settings(max_examples=60, deadline=None)
@given(size=st.integers(0, 300), have=st.integers(0, 300), range_size=st.integers(1, 50))
def test_what_is_missing_is_read_once_and_in_its_place(size: int, have: int, range_size: int) -> None:
    content = bytes(at % 251 for at in range(size))
    read: list[int] = []

    def fetch(start: int, end: int) -> bytes:
        read.extend(range(start, end))
        return content[start:end]

    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content[:have])
        append_in_parallel(fetch, size, path, "file", range_size)
        assert path.read_bytes() == content
    assert sorted(read) == list(range(min(have, size), size))


def test_what_came_before_a_fault_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(Unreadable, match="it was deleted meanwhile"):
        append_in_parallel(vanish, 20, path, "file", 10)
    assert path.read_bytes() == b"0123456789"


def vanish(start: int, end: int) -> bytes:
    if start:
        raise FileNotFoundError("it was deleted meanwhile")
    return b"0123456789"
