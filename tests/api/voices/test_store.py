"""An uploaded voice is there whole or not at all, once, for whoever looks, and its name leads nowhere else."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import StorageFailure, VoiceExists
from api.names import composed, is_name
from api.voices.library import VoiceLibrary
from api.voices.store import Draft, VoiceStore
from runners.errors import InvalidInput

ROOT = Path(__file__).parents[3]


def put(store: VoiceStore, name: str, clip: bytes = b"clip") -> None:
    with store.draft() as draft:
        draft.write("neutral.wav", clip)
        store.publish(draft, name)


def test_a_draft_becomes_a_voice_whole(tmp_path: Path) -> None:
    store, library = VoiceStore(tmp_path / "data" / "voices"), VoiceLibrary(tmp_path / "data" / "voices")
    with store.draft() as draft:
        written = draft.write("neutral.wav", b"clip")
        assert written.read_bytes() == b"clip"
        assert library.profiles() == library.faults() == []  # nobody sees it yet
        assert not store.holds("anna")
        store.publish(draft, "anna")
    assert store.holds("anna")
    assert library.find("anna").styles["neutral"].read_bytes() == b"clip"
    assert [entry.name for entry in store.folder.iterdir()] == ["anna"]


def test_a_voice_is_nobodys_business_but_the_servers(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path / "data" / "voices")
    put(store, "anna")
    voice = store.folder / "anna"
    paths = [voice / "neutral.wav", voice, store.folder, store.folder.parent]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o700, 0o700, 0o700]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def failing(draft: Draft) -> None:
        draft.write("neutral.wav", b"clip")
        raise KeyboardInterrupt

    store = VoiceStore(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.draft() as draft:
        failing(draft)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_given_once(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path)
    put(store, "anna", b"first")
    with pytest.raises(VoiceExists, match="'anna' already") as refused:
        put(VoiceStore(tmp_path), "anna", b"second")
    assert refused.value.param == "name"
    assert (tmp_path / "anna" / "neutral.wav").read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["anna"]


def test_of_many_at_once_one_wins(tmp_path: Path) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def race(number: int) -> None:
        store = VoiceStore(tmp_path)
        with store.draft() as draft:
            draft.write("neutral.wav", str(number).encode())
            barrier.wait()
            try:
                store.publish(draft, "anna")
                outcomes.append(str(number))
            except VoiceExists:
                pass

    racers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert outcomes == [(tmp_path / "anna" / "neutral.wav").read_text()]
    assert [entry.name for entry in tmp_path.iterdir()] == ["anna"]


def test_delete(tmp_path: Path) -> None:
    store = VoiceStore(tmp_path)
    put(store, "anna")
    clip = (tmp_path / "anna" / "neutral.wav").open("rb")
    assert store.delete("anna")
    assert clip.read() == b"clip"  # who has it open keeps it
    assert not store.delete("anna")
    assert not store.holds("anna")
    assert list(tmp_path.iterdir()) == []
    assert not VoiceStore(tmp_path / "nowhere").delete("anna")
    put(store, "anna", b"another")
    assert (tmp_path / "anna" / "neutral.wav").read_bytes() == b"another"


HOSTILE = [
    "..",
    ".",
    "",
    "../anna",
    "anna/../..",
    "/etc",
    "anna\n",
    "anna\x00",
    ".draft-x",
    "a" * 65,
    "a/é",
    "é ",
    " é",
    "a\u200db",
    "漢" * 64 + "漢",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_path_is_made_of_a_name(tmp_path: Path, name: str) -> None:
    check_hostile(tmp_path / "root", name)


@given(st.text(max_size=70).filter(lambda name: not is_name(composed(name))))
@settings(max_examples=50, deadline=None)
def test_no_path_is_made_of_any_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    check_hostile(tmp_path_factory.mktemp("store"), name)


def check_hostile(root: Path, name: str) -> None:
    (root / "anna").mkdir(parents=True)
    (root / "anna" / "clip.wav").write_bytes(b"clip")
    store = VoiceStore(root / "voices")
    assert not store.delete(name)
    assert not store.holds(name)
    with pytest.raises(InvalidInput, match="name for a voice"), store.draft() as draft:
        store.publish(draft, name)
    assert (root / "anna" / "clip.wav").is_file()
    assert list(store.folder.iterdir()) == []


def test_a_disk_that_does_not_play_along(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = VoiceStore(tmp_path / "file" / "voices")
    with pytest.raises(StorageFailure) as failed, store.draft():
        pass
    assert str(tmp_path) not in failed.value.message
    assert isinstance(failed.value.__cause__, OSError)
    assert failed.value.__cause__.errno == errno.ENOTDIR
    with VoiceStore(tmp_path / "voices").draft() as draft, pytest.raises(StorageFailure):
        draft.write("a" * 300, b"")  # longer than a file's name can be


def test_a_killed_upload_is_no_voice_and_is_swept_away_in_time(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from api.voices.store import VoiceStore
with VoiceStore(Path({str(tmp_path)!r})).draft() as draft:
    draft.write("neutral.wav", b"clip")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    (left,) = tmp_path.iterdir()
    assert (left / "neutral.wav").is_file()
    library, store = VoiceLibrary(tmp_path), VoiceStore(tmp_path)
    assert library.profiles() == library.faults() == []
    put(store, "anna")
    store.sweep()
    assert left.is_dir()  # it may belong to another process
    two_days_ago = time.time() - 2 * 24 * 3600
    for folder in (left, tmp_path / "anna"):
        os.utime(folder, (two_days_ago, two_days_ago))
    store.sweep()
    assert [entry.name for entry in tmp_path.iterdir()] == ["anna"]
    VoiceStore(tmp_path / "nowhere").sweep()


def test_a_kill_at_any_moment_leaves_no_broken_voice(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom api.voices.store import VoiceStore\n"
        "store = VoiceStore(Path(sys.argv[1]))\nprint('ready', flush=True)\n"
        "for turn in range(10_000):\n"
        "    with store.draft() as draft:\n"
        "        draft.write('neutral.wav', b'clip' * 10_000)\n"
        "        draft.write('voice.yaml', b'language: hu')\n"
        "        store.publish(draft, f'v{turn}')\n"
    )
    whole = 0
    for delay in (0.0, 0.01, 0.05, 0.1):
        folder = tmp_path / str(delay)
        command = [sys.executable, "-c", script, str(folder)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(delay)
            process.kill()
        library = VoiceLibrary(folder)
        assert library.faults() == []
        for profile in library.profiles():
            assert profile.language == "hu"
            assert profile.styles["neutral"].read_bytes() == b"clip" * 10_000
        whole += len(library.profiles())
    assert whole > 0
