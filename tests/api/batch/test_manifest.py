"""The manifest tells the truth about the folder: whole files, whole manifests, and only what still holds."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.batch.answer import Failure, Speech
from api.batch.file import Sample
from api.batch.manifest import NAME, Manifest, ManifestError, still_right

SPEECH = Speech(b"sound", 7, 1.5, 24000, None)


def sample(name: str, **fields: Any) -> Sample:
    return Sample(name, {"text": "Jó", "output_format": "wav", **fields})


def content(folder: Path) -> Any:
    return json.loads((folder / NAME).read_text(encoding="utf-8"))


def test_an_entry_says_all_there_is_to_say_of_a_file(tmp_path: Path) -> None:
    one = sample("a")

    Manifest(tmp_path, [one]).add_speech(one, SPEECH, 0.75)

    assert (tmp_path / "a.wav").read_bytes() == b"sound"
    assert content(tmp_path)["samples"] == [
        {
            "id": "a",
            "file": "a.wav",
            "text": "Jó",
            "seed": 7,
            "duration": 1.5,
            "sample_rate": 24000,
            "bytes": 5,
            "sha256": hashlib.sha256(b"sound").hexdigest(),
            "request_sha256": one.digest,
            "wall_seconds": 0.75,
        }
    ]


def test_segments_and_their_spans_are_kept(tmp_path: Path) -> None:
    segments = [{"text": "Egy.", "pause_after": 0.5}, {"text": "Kettő."}]
    one = Sample("a", {"segments": segments, "output_format": "wav"})
    speech = Speech(b"sound", 7, 1.5, 24000, [(0.0, 0.5), (1.0, 1.5)])

    Manifest(tmp_path, [one]).add_speech(one, speech, 0.75)

    [entry] = content(tmp_path)["samples"]
    assert (entry["segments"], entry["spans"]) == (segments, [[0.0, 0.5], [1.0, 1.5]])
    assert "text" not in entry
    assert [kept.spans for kept in still_right(tmp_path, [one])] == [speech.spans]


def test_failures_and_what_is_undone_are_counted(tmp_path: Path) -> None:
    samples = [sample("a"), sample("b"), sample("c")]
    manifest = Manifest(tmp_path, samples)

    manifest.add_failure(samples[2], Failure("busy", "full", None, 429), 0.1)
    manifest.add_speech(samples[0], SPEECH, 0.1)

    totals = content(tmp_path)["totals"]
    assert totals.pop("wall_seconds") >= 0
    assert totals == {"samples": 3, "done": 1, "failed": 1, "pending": 1, "duration": 1.5, "bytes": 5}
    assert [entry["id"] for entry in content(tmp_path)["samples"]] == ["a", "c"]  # the file's order
    error = {"type": "busy", "message": "full", "param": None, "status": 429}
    assert content(tmp_path)["samples"][1]["error"] == error


def test_half_a_surrogate_pair_in_a_servers_message_is_kept(tmp_path: Path) -> None:
    one = sample("a")

    Manifest(tmp_path, [one]).add_failure(one, Failure("x", "\ud800"), 0.1)

    assert content(tmp_path)["samples"][0]["error"]["message"] == "\ud800"


def test_a_file_that_cannot_be_written_leaves_no_half_and_no_entry(tmp_path: Path) -> None:
    one = sample("a")
    (tmp_path / "a.wav").mkdir()  # in the file's place
    manifest = Manifest(tmp_path, [one])
    manifest.write()

    with pytest.raises(OSError, match=r"a\.wav"):
        manifest.add_speech(one, SPEECH, 0.1)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", NAME]
    assert content(tmp_path)["samples"] == []


def test_files_are_replaced_and_never_written_in_place(tmp_path: Path) -> None:
    one = sample("a")
    manifest = Manifest(tmp_path, [one])
    manifest.add_speech(one, Speech(b"before", 7, 1.5, 24000, None), 0.1)
    open_elsewhere = [(tmp_path / name).open("rb") for name in ("a.wav", NAME)]

    manifest.add_speech(one, SPEECH, 0.1)

    audio, entries = (file.read() for file in open_elsewhere)
    assert audio == b"before"
    assert hashlib.sha256(b"before").hexdigest() in entries.decode()
    for file in open_elsewhere:
        file.close()


# What still holds

CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "file gone": lambda path: path.unlink(),
    "file damaged": lambda path: path.write_bytes(b"soUnd"),
    "file cut": lambda path: path.write_bytes(b"soun"),
    "file a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_entry_holds_as_long_as_its_file_is_whole(tmp_path: Path, change: str) -> None:
    one = sample("a")
    done = Manifest(tmp_path, [one]).add_speech(one, SPEECH, 0.1)

    CHANGES[change](tmp_path / "a.wav")

    assert still_right(tmp_path, [one]) == ([done] if change == "nothing" else [])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_entry_holds_for_its_own_request_alone(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Samples are done, failed or not there; then some requests change. Kept is what was done and did not."""
    folder = tmp_path_factory.mktemp("folder")
    ids = "abcde"
    before = {name: data.draw(st.sampled_from(["done", "failed", "absent"])) for name in ids}
    changed = {name for name in ids if data.draw(st.booleans())}
    samples = [sample(name) for name in ids]
    manifest = Manifest(folder, samples)
    for one in samples:
        if before[one.id] == "done":
            manifest.add_speech(one, SPEECH, 0.1)
        elif before[one.id] == "failed":
            manifest.add_failure(one, Failure("x", "y"), 0.1)

    later = [sample(name, **({"seed": 1} if name in changed else {})) for name in reversed(ids)]
    kept = still_right(folder, later)

    right = [name for name in reversed(ids) if before[name] == "done" and name not in changed]
    assert [entry.id for entry in kept] == right
    resumed = Manifest(folder, later, kept)
    assert [one.id for one in resumed.todo] == [name for name in reversed(ids) if name not in right]
    assert (resumed.done, resumed.made) == (kept, [])


def test_without_a_manifest_nothing_holds(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")

    assert still_right(tmp_path, [sample("a")]) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"samples": 5}', '{"samples": [5]}', '{"samples": [{"id": "a"}]}', "\xff"],
)
def test_a_manifest_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_bytes(text.encode("latin-1"))

    with pytest.raises(ManifestError, match="cannot be read"):
        still_right(tmp_path, [sample("a")])
