"""Computed once, then found in memory or on disk, and not believed when the file is not what was written."""

import contextlib
import gc
import logging
import stat
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from runners.conditioning.cache import LatentsCache, cache_key
from runners.conditioning.latents import Latents, LatentShapes

SHAPES = LatentShapes((1, 32, 16), (1, 512, 1))
ROOT = Path(__file__).parents[3]


def latents_of(name: str) -> Latents:
    generator = torch.Generator().manual_seed(int(cache_key(name=name)[:8], 16))
    return Latents(torch.randn(1, 32, 16, generator=generator), torch.randn(1, 512, 1, generator=generator))


class Computing:
    """Counts how often the latents of each name were computed."""

    def __init__(self) -> None:
        self.count: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Callable[[], Latents]:
        def compute() -> Latents:
            with self._lock:
                self.count[name] = self.count.get(name, 0) + 1
            return latents_of(name)

        return compute


def never() -> Latents:
    raise AssertionError("computed, though it was cached")


def assert_right(latents: Latents, name: str) -> None:
    assert torch.equal(latents.gpt_cond_latent, latents_of(name).gpt_cond_latent)
    assert torch.equal(latents.speaker_embedding, latents_of(name).speaker_embedding)


def file_of(folder: Path, name: str) -> Path:
    key = cache_key(name=name)
    return folder / key[:2] / f"{key}.safetensors"


# What can happen to a whole file. Each leaves it readable as bytes, but not what was written.


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    file.write_bytes(b"\xff" * 500)


def flip_one_bit(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[-100] ^= 1
    file.write_bytes(raw)


def another_key(file: Path) -> None:
    """A whole, valid file of other latents under this name."""
    other = file.parent / "other"
    LatentsCache(other, SHAPES).get(cache_key(name="other"), lambda: latents_of("other"))
    file_of(other, "other").replace(file)


def foreign(file: Path) -> None:
    """The right tensors, but nobody says whose."""
    save_file(load_file(file), file)


def other_tensors(file: Path) -> None:
    save_file({"weight": torch.zeros(3)}, file, metadata={"format": "pt"})


def nan(file: Path) -> None:
    rewrite(file, Latents(torch.full((1, 32, 16), torch.nan), torch.zeros(1, 512, 1)), SHAPES)


def other_shapes(file: Path) -> None:
    latents = Latents(torch.zeros(1, 32, 8), torch.zeros(1, 512, 1))
    rewrite(file, latents, latents.shapes)


def rewrite(file: Path, latents: Latents, shapes: LatentShapes) -> None:
    """As the cache itself writes it: key, format and digest all match."""
    file.unlink()
    LatentsCache(file.parents[1], shapes).get(file.stem, lambda: latents)


DAMAGES = [cut, empty, garbage, flip_one_bit, another_key, foreign, other_tensors, nan, other_shapes]


def test_found_in_memory_then_on_disk(tmp_path: Path) -> None:
    key, computing = cache_key(name="a"), Computing()
    found: list[str] = []
    cache = LatentsCache(tmp_path, SHAPES, count=found.append)
    first = cache.get(key, computing("a"))
    assert cache.get(key, never) is first
    assert found == ["miss", "memory"]
    assert file_of(tmp_path, "a").is_file()

    restarted = LatentsCache(tmp_path, SHAPES, count=found.append)
    assert_right(restarted.get(key, never), "a")
    assert_right(restarted.get(key, never), "a")
    assert found == ["miss", "memory", "disk", "memory"]


def test_the_key_depends_on_everything_it_is_made_from() -> None:
    base = {"clip": "c", "checkpoint": "m", "settings": {"gpt_cond_len": 30, "sound_norm_refs": False}}
    others = [
        base | {"clip": "d"},
        base | {"checkpoint": "n"},
        base | {"settings": {"gpt_cond_len": 31, "sound_norm_refs": False}},
        base | {"settings": {"gpt_cond_len": 30, "sound_norm_refs": True}},
    ]
    assert len({cache_key(**made_from) for made_from in [base, *others]}) == 5
    assert cache_key(**base) == cache_key(**dict(reversed(base.items())))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_found_out_and_replaced(
    damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, computing = cache_key(name="a"), Computing()
    LatentsCache(tmp_path, SHAPES).get(key, computing("a"))
    damage(file_of(tmp_path, "a"))
    caplog.clear()

    assert_right(LatentsCache(tmp_path, SHAPES).get(key, computing("a")), "a")
    assert computing.count["a"] == 2
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert str(file_of(tmp_path, "a")) in warning.message

    assert_right(LatentsCache(tmp_path, SHAPES).get(key, never), "a")
    assert len(caplog.records) == 1


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    key = cache_key(name="a")
    file_of(tmp_path, "a").parent.mkdir()
    torch.save({"gpt_cond_latent": torch.zeros(1, 32, 16)}, file_of(tmp_path, "a"))
    assert_right(LatentsCache(tmp_path, SHAPES).get(key, lambda: latents_of("a")), "a")


def test_memory_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache, computing = LatentsCache(tmp_path, SHAPES, capacity=2), Computing()
    for name in "ab" + "a" + "c":  # c pushes b out, as a was used after it
        cache.get(cache_key(name=name), computing(name))
    file_of(tmp_path, "a").unlink()
    file_of(tmp_path, "b").unlink()
    cache.get(cache_key(name="a"), never)
    cache.get(cache_key(name="b"), computing("b"))
    assert computing.count == {"a": 1, "b": 2, "c": 1}


@pytest.mark.parametrize("obstacle", ["a file", "a file in the way", "a folder in the way"])
def test_a_disk_that_does_not_play_along_fails_no_request(
    obstacle: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "latents"
    if obstacle == "a file":
        folder.write_text("")
    elif obstacle == "a file in the way":
        folder.mkdir()
        file_of(folder, "a").parent.write_text("")
    else:
        file_of(folder, "a").mkdir(parents=True)
    cache = LatentsCache(folder, SHAPES)
    assert_right(cache.get(cache_key(name="a"), lambda: latents_of("a")), "a")
    assert_right(cache.get(cache_key(name="a"), never), "a")
    assert any("in memory only" in record.message for record in caplog.records)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_full_disk_fails_no_request_and_leaves_no_scraps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In a process of its own, whose files may not grow past 1 kB."""
    script = """
import resource, signal, sys
from pathlib import Path
import torch
from runners.conditioning.latents import Latents, LatentShapes
from runners.conditioning.cache import LatentsCache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
latents = Latents(torch.zeros(1, 32, 16), torch.zeros(1, 512, 1))
cache = LatentsCache(Path(sys.argv[1]), latents.shapes)
assert cache.get("ab" * 32, lambda: latents) is latents
"""
    done = run_python(script, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "in memory only" in done.stderr
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def run_python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_latents_are_nobodys_business_but_the_servers(tmp_path: Path) -> None:
    LatentsCache(tmp_path / "latents", SHAPES).get("ab" * 32, lambda: latents_of("a"))
    (file,) = tmp_path.rglob("*.safetensors")
    paths = [file, file.parent, file.parent.parent]
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o700, 0o700]


def test_threads_that_miss_together_compute_once(tmp_path: Path) -> None:
    cache, computing, gate = LatentsCache(tmp_path, SHAPES), Computing(), threading.Barrier(8)

    def ask(name: str) -> Latents:
        gate.wait()
        return cache.get(cache_key(name=name), computing(name))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, "aaaabbbb"))
    assert computing.count == {"a": 1, "b": 1}
    assert all(latents is found[0] for latents in found[:4])
    for latents, name in zip(found, "aaaabbbb", strict=True):
        assert_right(latents, name)


def test_an_error_reaches_all_who_wait_and_is_not_kept(tmp_path: Path) -> None:
    cache, key = LatentsCache(tmp_path, SHAPES), cache_key(name="a")
    begun, go_on = threading.Event(), threading.Event()

    def fail() -> Latents:
        begun.set()
        go_on.wait()
        raise RuntimeError("no")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, key, fail)
        begun.wait()
        second = pool.submit(cache.get, key, fail)
        go_on.set()
        for asked in (first, second):
            with pytest.raises(RuntimeError, match="no"):
                asked.result()
    assert_right(cache.get(key, lambda: latents_of("a")), "a")


def test_an_error_keeps_nothing_of_what_was_computed_from(tmp_path: Path) -> None:
    class Clip:
        pass

    def fail() -> Latents:
        clip = Clip()
        held.append(weakref.ref(clip))
        raise RuntimeError("no")

    held: list[weakref.ref[Clip]] = []
    cache = LatentsCache(tmp_path, SHAPES)
    gc.disable()
    try:
        with contextlib.suppress(RuntimeError):
            cache.get(cache_key(name="a"), fail)
        assert held[0]() is None
    finally:
        gc.enable()


def test_two_processes_on_an_empty_cache_do_not_trip_over_each_other(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
import torch
from runners.conditioning.latents import Latents, LatentShapes
from runners.conditioning.cache import LatentsCache, cache_key
folder, ready, other = map(Path, sys.argv[1:])
cache = LatentsCache(folder, LatentShapes((1, 32, 16), (1, 512, 1)))
ready.touch()
while not other.exists():
    time.sleep(0.001)
for number in range(50):
    latents = Latents(torch.full((1, 32, 16), float(number)), torch.full((1, 512, 1), float(number)))
    found = cache.get(cache_key(name=number), lambda: latents)
    assert torch.equal(found.gpt_cond_latent, latents.gpt_cond_latent)
    assert torch.equal(found.speaker_embedding, latents.speaker_embedding)
"""
    folder, one, other = tmp_path / "latents", tmp_path / "one", tmp_path / "other"
    with ThreadPoolExecutor(2) as pool:
        orders = [(str(folder), str(one), str(other)), (str(folder), str(other), str(one))]
        for done in pool.map(lambda order: run_python(script, *order), orders):
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""  # no warning either
    assert len(list(folder.rglob("*.safetensors"))) == 50
    assert not list(folder.rglob("*.tmp"))
    cache = LatentsCache(folder, SHAPES)
    for number in range(50):
        assert cache.get(cache_key(name=number), never).gpt_cond_latent[0, 0, 0] == number


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("get"), st.sampled_from("abcd")),
            st.tuples(st.sampled_from(DAMAGES), st.sampled_from("abcd")),
            st.just(("restart", "")),
        ),
        max_size=25,
    ),
    st.integers(1, 3),
)
@settings(max_examples=20, deadline=None)
def test_whatever_happens_every_get_is_right(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str | Callable[[Path], None], str]],
    capacity: int,
) -> None:
    folder = tmp_path_factory.mktemp("latents")
    cache, computing = LatentsCache(folder, SHAPES, capacity=capacity), Computing()
    whole: set[str] = set()  # names whose file is as it was written
    for step, name in steps:
        if step == "restart":
            cache = LatentsCache(folder, SHAPES, capacity=capacity)
        elif step == "get":
            before = computing.count.get(name, 0)
            assert_right(cache.get(cache_key(name=name), computing(name)), name)
            if name in whole:
                assert computing.count.get(name, 0) == before
            elif computing.count.get(name, 0) > before:
                whole.add(name)
        elif name in whole:
            step(file_of(folder, name))
            whole.remove(name)
