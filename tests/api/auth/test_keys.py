"""API keys: both ways to write them, what is refused, and that nothing tells a key."""

import hashlib
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.auth.keys import ApiKey, read_keys, recognise

KEYS = st.text([*string.ascii_letters, *string.digits, *"!#$%&()*+-./:;<=>?[]^_{|}~@"], min_size=1, max_size=40).filter(
    lambda key: not key.startswith("@")
)


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@settings(max_examples=50)
@given(st.lists(KEYS, min_size=1, max_size=5, unique=True), KEYS)
def test_every_listed_key_is_recognised_and_no_other(keys: list[str], other: str):
    known = read_keys(" , ".join(keys))
    assert len(known) == len(keys)
    for key in keys:
        found = recognise(known, key.encode())
        assert found == ApiKey(sha256(key)[:8], bytes.fromhex(sha256(key)))
    assert (recognise(known, other.encode()) is not None) == (other in keys)


@pytest.mark.parametrize("near", ["", "secre", "secrett", "SECRET", " secret", "secret\n"])
def test_a_key_that_is_nearly_right_is_wrong(near: str):
    assert recognise(read_keys("secret"), near.encode()) is None


def test_a_file_of_hashes_as_sha256sum_writes_it(tmp_path: Path):
    file = tmp_path / "keys"
    lines = [
        "# who may",
        "",
        f"{sha256('a')}  anna",
        f"{sha256('b').upper()}",
        f"{sha256('c')}  -",
        f"{sha256('d')} anna",
    ]
    file.write_text("\n".join(lines))
    known = read_keys(f"@{file}")
    names = {key: found.name for key in "abcd" if (found := recognise(known, key.encode()))}
    assert names == {"a": "anna", "b": sha256("b")[:8], "c": sha256("c")[:8], "d": "anna"}
    assert recognise(known, sha256("a").encode()) is None  # the hash is no key


def test_a_key_of_a_file_may_hold_any_bytes(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text(sha256("kulcs, és ő"))
    assert recognise(read_keys(f"@{file}"), "kulcs, és ő".encode())


@pytest.mark.parametrize("text", [",", " , ", "a b", "a,b c", "kulcsocská", "a,\x07"])
def test_a_wrong_list_is_refused_without_naming_a_key(text: str):
    with pytest.raises(ValueError, match="separated by commas") as caught:
        read_keys(text)
    assert "kulcs" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "there is none"),
        ("# nobody yet\n", "there is none"),
        ("plain-key\n", "line 1 is not"),
        (f"{'a' * 64}\n{'b' * 63}\n", "line 2 is not"),
        (f"{'a' * 64} two words\n", "line 1 is not"),
        (f"{'a' * 64}name\n", "line 1 is not"),
        (f"{'a' * 64} Józsi\n", "line 1 is not"),  # names go into logs and into Redis
    ],
)
def test_a_wrong_file_is_refused_without_quoting_it(tmp_path: Path, content: str, words: str):
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_keys(f"@{file}")
    assert "plain-key" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "binary"):
        with pytest.raises(ValueError, match="a text file that the server can read"):
            read_keys(f"@{path}")


def test_no_repr_tells_a_key_or_its_hash():
    shown = repr(read_keys("hunter2-hunter2"))
    assert sha256("hunter2-hunter2")[:8] in shown
    assert "hunter2" not in shown
    assert sha256("hunter2-hunter2") not in shown
    assert str(bytes.fromhex(sha256("hunter2-hunter2")))[2:-1] not in shown
