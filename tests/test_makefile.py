"""What `make` installs, when, and in which order, seen by tools that only write down how they were called."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = """#!/bin/sh
case "$*" in -c*) exit 0 ;; esac
[ ! -e broken ] || case "$*" in *install*) exit 1 ;; esac
echo "began $(basename "$0") $*" >> calls
sleep 0.1
case "$*" in
  "-m venv "* | "venv "*)
    for last; do :; done
    mkdir -p "$last/bin"
    for name in pip uv python bentoml ruff mypy; do cp "$0" "$last/bin/$name"; done ;;
esac
echo "ended $(basename "$0") $*" >> calls
"""
UV = "pip install -q --disable-pip-version-check uv=="
PINS = "uv pip install --python .venv/bin/python -r requirements.txt"
TOOLS = "uv pip install -q --python .venv/bin/python -r requirements-dev.txt"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "python3").write_text(TOOL)
    (tmp_path / "python3").chmod(0o755)
    return tmp_path


def run(clone: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "BENTOML"))
    }
    command = ["make", f"PYTHON={clone}/python3", *arguments]
    environ = {**inherited, "HOME": str(clone), **environ}
    return subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, timeout=60)


def make(clone: Path, *arguments: str, fails: bool = False) -> list[str]:
    """How tools were called, with what they began and ended."""
    calls = clone / "calls"
    calls.unlink(missing_ok=True)
    done = run(clone, *arguments)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return calls.read_text().splitlines() if calls.exists() else []


def installs(calls: list[str]) -> list[str]:
    return [call.removeprefix("began ") for call in calls if call.startswith("began") and "install" in call]


def later(file: Path) -> None:
    """As a pull leaves a file that it changes."""
    now = time.time()
    for each in [*file.parent.glob("*"), *file.parent.glob(".venv/*"), *file.parent.glob(".venv/*/installed")]:
        os.utime(each, (now - 20, each.stat().st_mtime - 20))
    os.utime(file, (now - 10, now - 10))


def test_a_fresh_clone_in_four_jobs(clone: Path) -> None:
    calls = make(clone, "-j4", "serve")
    assert [call.split()[0] for call in calls] == ["began", "ended"] * 4, "one step after the other"
    began = [call.removeprefix("began ") for call in calls[::2]]
    assert began[0] == "python3 -m venv .venv"
    assert began[1].startswith(UV)
    assert began[2] == PINS
    assert began[3] == "bentoml serve service:XTTS --host 0.0.0.0 --port 3000"
    assert installs(make(clone, "-j4", "serve")) == []


def test_a_home_that_cannot_be_made(clone: Path) -> None:
    make(clone, "serve")
    for environ, folder in (({"HOME": "/proc/x"}, "/proc/x/bentoml"), ({"BENTOML_HOME": "/proc/y"}, "/proc/y")):
        done = run(clone, "serve", **environ)
        assert done.returncode == 2
        assert done.stdout.splitlines() == [
            f"BENTOML_HOME={folder}: must be a folder that the server may make or write to"
        ]


def test_several_targets_at_once_install_each_thing_once(clone: Path) -> None:
    calls = make(clone, "-j4", "serve", "lint", "test")
    assert [call.partition("==")[0] + "==" * ("==" in call) for call in installs(calls)] == [UV, PINS, TOOLS]
    assert calls.index(f"ended {PINS}") < calls.index(f"began {TOOLS}")


def test_a_pull_that_changes_the_pins_installs_them(clone: Path) -> None:
    make(clone, "serve", "lint")
    later(clone / "requirements.txt")
    assert installs(make(clone, "serve")) == [PINS]
    assert installs(make(clone, "serve", "lint")) == [TOOLS]  # what they rest on has changed
    assert installs(make(clone, "serve", "lint")) == []


@pytest.mark.parametrize("target", ["judge", "test-agents", "serve"])
def test_an_install_that_failed_is_made_up_for(clone: Path, target: str) -> None:
    make(clone, "lint")
    if target == "serve":
        later(clone / "requirements.txt")
    (clone / "broken").touch()
    make(clone, target, fails=True)
    (clone / "broken").unlink()
    assert installs(make(clone, target))


@pytest.mark.parametrize("target", ["judge", "test-agents"])
def test_a_pull_that_changes_their_pins_installs_them(clone: Path, target: str) -> None:
    make(clone, target)
    assert installs(make(clone, target)) == []
    later(clone / "Makefile")
    assert len(installs(make(clone, target))) == 1


def test_without_an_engine_nothing_is_built(clone: Path) -> None:
    assert make(clone, "image", "ENGINE=", fails=True) == []
