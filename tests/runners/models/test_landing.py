import subprocess
import sys
from pathlib import Path

import pytest

from runners.models.landing import land, land_version, recall

ROOT = Path(__file__).parents[3]

SLOW_FILL = """
import logging, sys
from pathlib import Path
from runners.models.landing import land

logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)

def fill(folder: Path) -> None:
    (folder / "half").touch()
    print("filling", flush=True)
    sys.stdin.read()
    (folder / "whole").touch()

land(Path(sys.argv[1]), fill)
"""


def start_slow(target: Path) -> subprocess.Popen[str]:
    """A process that lands the target once its standard input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW_FILL, target],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_folder_appears_with_its_content(tmp_path: Path):
    target = tmp_path / "models" / "demo-1"

    def fill(folder: Path) -> None:
        assert not target.exists()
        (folder / "model.pth").write_bytes(b"x")

    assert land(target, fill) == target
    assert [path.name for path in target.iterdir()] == ["model.pth"]


def test_folder_that_is_there_is_left_alone(tmp_path: Path):
    def fill(folder: Path) -> None:
        raise AssertionError(folder)

    target = tmp_path / "m"
    target.mkdir()
    assert land(target, fill) == target
    assert list(tmp_path.iterdir()) == [target]  # no lock either: the cache may be read-only


def test_failure_lands_nothing_and_keeps_what_was_made(tmp_path: Path):
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space")

    target = tmp_path / "m"
    with pytest.raises(OSError, match="no space"):
        land(target, fail)
    assert not target.exists()
    land(target, lambda folder: (folder / "whole").touch())
    assert sorted(path.name for path in target.iterdir()) == ["half", "whole"]


def test_second_process_waits_for_the_first_and_fills_nothing(tmp_path: Path):
    target = tmp_path / "m"
    with start_slow(target) as first:
        assert first.stdout.readline() == "filling\n"
        with start_slow(target) as second:
            assert second.stdout.readline() == "Another process is making m: waiting for it\n"
            assert not target.exists()
            first.communicate("")
            assert second.communicate("")[0] == ""
    assert (first.returncode, second.returncode) == (0, 0)
    assert (target / "whole").exists()


def test_next_process_takes_over_from_one_that_was_killed(tmp_path: Path):
    target = tmp_path / "m"
    with start_slow(target) as first:
        assert first.stdout.readline() == "filling\n"
        first.kill()
    assert not target.exists()
    land(target, lambda folder: (folder / "whole").touch())
    assert sorted(path.name for path in target.iterdir()) == ["half", "whole"]


def test_parent_that_cannot_be_made_is_an_os_error(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        land(tmp_path / "file" / "m", lambda folder: None)


def test_what_was_begun_of_other_versions_is_removed(tmp_path: Path):
    whole, ref = tmp_path / "m-1@a", tmp_path / "m-1.ref"
    for name in ("m-1@b.partial", "m-2@b.partial", "m-1@c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.pth").touch()
    land_version(whole, ref, lambda folder: (folder / "model.pth").touch())
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["m-1@a", "m-1@c", "m-2@b.partial"]
    assert recall(ref) == "a"


def test_what_another_process_is_making_is_left(tmp_path: Path):
    with start_slow(tmp_path / "m@b") as first:
        assert first.stdout.readline() == "filling\n"
        land_version(tmp_path / "m@a", tmp_path / "m.ref", lambda folder: None)
        first.communicate("")
    assert (tmp_path / "m@b" / "half").exists()
