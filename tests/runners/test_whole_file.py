"""A file is there whole or as it was before, and for its owner only, whatever ends the writing."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.whole_file import SHARED, private_folder, whole_file, write_whole

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_it_is_written_for_its_owner_only_unless_said_otherwise(tmp_path: Path) -> None:
    write_whole(tmp_path / "own", b"a")
    write_whole(tmp_path / "own", b"b", lasting=False)
    write_whole(tmp_path / "all", b"c", mode=SHARED)
    assert [(tmp_path / name).read_bytes() for name in ("own", "all")] == [b"b", b"c"]
    assert [mode(tmp_path / name) for name in ("own", "all")] == [0o600, 0o644]


def test_nothing_is_seen_of_it_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with whole_file(path) as file:
        file.write(b"half ")
        file.flush()
        assert not path.exists()
        file.write(b"and half")
    assert path.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"before")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from runners.whole_file import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_whole(Path(sys.argv[1]), b"before")
write_whole(Path(sys.argv[1]), bytes(100_000))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("OSError")
    assert (tmp_path / "file").read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_of_many_writers_the_last_one_stays_whole(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    writers = [threading.Thread(target=write_whole, args=(tmp_path / "file", content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (tmp_path / "file").read_bytes() in contents
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("umask")
def test_a_folder_and_its_missing_parents_are_private_and_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(0o755)
    private_folder(tmp_path / "there" / "a" / "b")
    private_folder(tmp_path / "there" / "a" / "b")
    folders = [tmp_path / "there", tmp_path / "there" / "a", tmp_path / "there" / "a" / "b"]
    assert [mode(folder) for folder in folders] == [0o755, 0o700, 0o700]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        private_folder(tmp_path / "file" / "a")
