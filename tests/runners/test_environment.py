import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.environment import Environment
from runners.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def is_whole(value: str) -> bool:
    try:
        int(value)
    except ValueError:
        return False
    return True


@settings(max_examples=100)
@given(st.text().filter(str.strip).filter(lambda value: not is_whole(value)))
def test_text_that_is_no_integer_is_a_fault(value: str):
    env = Environment({"XTTS_N": value})
    assert env.integer("XTTS_N", 7, 5, 9) == 7
    with pytest.raises(ConfigurationError, match=re.escape(f"XTTS_N={value.strip()}: must be a whole number")):
        env.check()


@settings(max_examples=100)
@given(st.integers(-5, 20))
def test_integer_bounds_are_inclusive(number: int):
    env = Environment({"XTTS_N": str(number)})
    if 5 <= number <= 9:
        assert env.integer("XTTS_N", 7, 5, 9) == number
        env.check()
    else:
        assert env.integer("XTTS_N", 7, 5, 9) == 7
        with pytest.raises(ConfigurationError, match=f"XTTS_N={number}: must be a whole number from 5 to 9"):
            env.check()


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "soon", "1e9"])
def test_seconds_out_of_bounds_are_a_fault(value: str):
    env = Environment({"XTTS_T": value})
    assert env.seconds("XTTS_T", 3.0, 0.5, 60.0) == 3.0
    with pytest.raises(ConfigurationError, match=f"XTTS_T={value}: must be a number of seconds from 0.5 to 60"):
        env.check()


def test_unset_and_empty_are_the_default():
    env = Environment({"XTTS_EMPTY": " "})
    for name in ("XTTS_EMPTY", "XTTS_UNSET"):
        assert env.text(name, "x") == "x"
        assert env.integer(name, 3, 1, 9) == 3
        assert env.integer_or_auto(name, 1, 9) is None
    env.check()


def whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("digits")
    return int(text)


def test_parsed_is_what_the_parser_says():
    env = Environment({"XTTS_A": " 12 ", "XTTS_B": "b", "XTTS_C": "hush"})
    assert env.parsed("XTTS_A", 1, whole) == 12
    assert env.parsed("XTTS_UNSET", None, whole) is None
    env.check()
    assert env.parsed("XTTS_B", 1, whole) == 1
    assert env.parsed("XTTS_C", 1, whole, secret=True) == 1
    with pytest.raises(ConfigurationError, match=r"^XTTS_B=b: must be digits\nXTTS_C=\*\*\*: must be digits$"):
        env.check()


def test_matching_takes_the_whole_value():
    env = Environment({"XTTS_A": "ab", "XTTS_B": "abc"})
    assert env.matching("XTTS_A", "x", "a|ab", "a or ab") == "ab"
    assert env.matching("XTTS_B", "x", "a|ab", "a or ab") == "x"
    with pytest.raises(ConfigurationError, match=r"^XTTS_B=abc: must be a or ab$"):
        env.check()


def test_folder_of_an_unknown_user_is_a_fault():
    env = Environment({"XTTS_DIR": "~nobody-of-this-name/models"})
    env.folder("XTTS_DIR", "/tmp")
    with pytest.raises(ConfigurationError, match=r"XTTS_DIR=~nobody-of-this-name/models: .*path in full"):
        env.check()


def test_a_folder_can_be_read_or_made(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    env = Environment({"XTTS_A": str(tmp_path / "new" / "folder"), "XTTS_B": str(file), "XTTS_C": str(file / "folder")})
    assert env.folder("XTTS_A", "/tmp") == tmp_path / "new" / "folder"
    env.check()
    env.folder("XTTS_B", "/tmp")
    env.folder("XTTS_C", "/tmp")
    env.folder("XTTS_A", "/tmp", there=True)
    with pytest.raises(ConfigurationError) as caught:
        env.check()
    assert str(caught.value).splitlines() == [
        f"XTTS_B={file}: must be a folder that the server may read or make",
        f"XTTS_C={file / 'folder'}: must be a folder that the server may read or make",
        f"XTTS_A={tmp_path / 'new' / 'folder'}: must be a folder that is there and that the server may read",
    ]


def test_a_name_that_nobody_reads_is_a_fault():
    names = ("XTTS_SLOT", "XTTS_SERVICE_HOST", "XTTS_PORT_3000_TCP_ADDR", "XTTS_API_KEY", "XTTS_Q9", "OTHER")
    env = Environment(dict.fromkeys(names, "1"))
    env.integer("XTTS_SLOTS", 1, 1, 9)
    env.check_names("XTTS_", ("XTTS_API_KEY",))
    with pytest.raises(ConfigurationError) as caught:
        env.check()
    assert str(caught.value).splitlines() == [
        "XTTS_Q9: there is no such setting",
        "XTTS_SLOT: there is no such setting; XTTS_SLOTS is one",
    ]


def test_every_fault_is_named_at_once():
    env = Environment({"XTTS_A": "x", "XTTS_B": "y"})
    env.integer("XTTS_A", 1, 0, 9)
    env.seconds("XTTS_B", 1.0, 0.0, 9.0)
    with pytest.raises(ConfigurationError) as caught:
        env.check()
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["XTTS_A=x", "XTTS_B=y"]


def test_what_takes_a_look_is_named_too_where_anything_is_wrong():
    def look() -> None:
        raise ConfigurationError("XTTS_MODEL=x: must be there")

    Environment({}).check(look)
    env = Environment({"XTTS_A": "x"})
    env.integer("XTTS_A", 1, 0, 9)
    with pytest.raises(ConfigurationError, match=r"^XTTS_A=x: must be .*\nXTTS_MODEL=x: must be there$"):
        env.check(look)
    env = Environment({})
    env.note(look)
    with pytest.raises(ConfigurationError, match=r"^XTTS_MODEL=x: must be there$"):
        env.check()


def test_a_home_is_where_the_user_says_or_where_it_always_was():
    env = Environment({"XDG_DATA_HOME": "/srv/data", "XDG_CACHE_HOME": "relative"})
    assert env.home("XDG_DATA_HOME", "~/.local/share") == "/srv/data"
    assert env.home("XDG_CACHE_HOME", "~/.cache") == "~/.cache"  # the specification: ignore it
    assert env.home("XDG_STATE_HOME", "~/.local/state") == "~/.local/state"
    env.check()


CLOSED = """
import os, sys
from pathlib import Path
from runners.environment import Environment
from runners.models.source import resolve_model

folder = Path(sys.argv[1]) / "deep"
os.setgroups([]), os.setgid(65534), os.setuid(65534)
env = Environment({"VOICES": str(folder), "CACHE": str(folder)})
env.folder("VOICES", "x", there=True), env.folder("CACHE", "x")
asked = (str(folder), sys.argv[1])
for ask in (env.check, *(lambda source=source: resolve_model(source, folder, False) for source in asked)):
    try:
        ask()
    except SystemExit as error:
        print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_what_is_closed_to_the_user_is_told_without_a_traceback() -> None:
    open_to_all = Path(tempfile.mkdtemp())
    open_to_all.chmod(0o755)
    closed = open_to_all / "closed"
    (closed / "deep").mkdir(parents=True)
    closed.chmod(0o700)
    done = subprocess.run([sys.executable, "-c", CLOSED, closed], cwd=ROOT, capture_output=True, text=True)
    shutil.rmtree(open_to_all)
    assert done.returncode == 0, done.stderr
    voices, cache, model, folder = done.stdout.splitlines()
    assert voices == f"VOICES={closed}/deep: must be a folder that is there and that the server may read"
    assert cache == f"CACHE={closed}/deep: must be a folder that the server may read or make"
    assert model.startswith(f"XTTS_MODEL={closed}/deep: there is no such folder")
    assert folder == f"XTTS_MODEL={closed}: the server's user may not read it"
