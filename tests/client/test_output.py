"""The manifest tells the truth about the folder: whole files, whole manifests, and only what still holds."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.jobs.manifest import NAME, Entry, SampleFault
from api.jobs.schemas import Sample
from client.output import Output, still_right

SHA = hashlib.sha256(b"sound").hexdigest()


def sample(name: str, **fields: Any) -> Sample:
    return Sample(id=name, **{"text": "Jó", "output_format": "wav", **fields})


def made(of: Sample) -> Entry:
    return Entry.of(of, file=f"{of.id}.wav", seed=7, language=["hu"], sample_rate=24000, duration=1.5)


def failed(of: Sample) -> Entry:
    return Entry.of(of, error=SampleFault(type="busy", message="full", status=429))


def content(folder: Path) -> Any:
    return json.loads((folder / NAME).read_text(encoding="utf-8"))


def test_an_entry_says_all_there_is_to_say_of_a_file(tmp_path: Path) -> None:
    one = sample("a")

    Output(tmp_path, [one]).add(made(one), {"wav": b"sound"})

    assert (tmp_path / "a.wav").read_bytes() == b"sound"
    assert content(tmp_path)["samples"] == [
        {
            "id": "a",
            "text": "Jó",
            "file": "a.wav",
            "seed": 7,
            "language": ["hu"],
            "sample_rate": 24000,
            "duration": 1.5,
            "bytes": 5,
            "sha256": SHA,
            "request_sha256": one.digest,
        }
    ]


def test_segments_are_kept_as_they_were_written(tmp_path: Path) -> None:
    segments = [{"text": "Egy.", "pause_after": 0.5}, {"text": "Kettő."}]
    one = sample("a", text=None, segments=segments)

    Output(tmp_path, [one]).add(made(one), {"wav": b"sound"})

    assert content(tmp_path)["samples"][0]["segments"] == segments


def test_failures_and_what_is_undone_are_counted(tmp_path: Path) -> None:
    samples = [sample("a"), sample("b"), sample("c")]
    output = Output(tmp_path, samples)

    output.add(failed(samples[2]), {})
    output.add(made(samples[0]), {"wav": b"sound"})
    output.write()

    totals = {"samples": 3, "done": 1, "failed": 1, "pending": 1, "duration": 1.5, "bytes": 5}
    assert content(tmp_path)["totals"] == totals
    assert [entry["id"] for entry in content(tmp_path)["samples"]] == ["a", "c"]  # the file's order
    assert content(tmp_path)["samples"][1]["error"] == {"type": "busy", "message": "full", "status": 429}


def test_half_a_surrogate_pair_in_a_servers_message_is_kept(tmp_path: Path) -> None:
    one = sample("a")

    Output(tmp_path, [one]).add(Entry.of(one, error=SampleFault.model_construct(type="x", message="\ud800")), {})

    assert content(tmp_path)["samples"][0]["error"]["message"] == "\ud800"


def test_a_file_that_cannot_be_written_leaves_no_half_and_no_entry(tmp_path: Path) -> None:
    one = sample("a")
    (tmp_path / "a.wav").mkdir()  # in the file's place
    output = Output(tmp_path, [one])
    output.write()

    with pytest.raises(OSError, match=r"a\.wav"):
        output.add(made(one), {"wav": b"sound"})

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", NAME]
    assert content(tmp_path)["samples"] == []


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
    one, entry = sample("a"), made(sample("a"))
    Output(tmp_path, [one]).add(entry, {"wav": b"sound"})

    CHANGES[change](tmp_path / "a.wav")

    assert still_right(tmp_path, [one]) == ([entry] if change == "nothing" else [])


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
    output = Output(folder, samples)
    for one in samples:
        if before[one.id] == "done":
            output.add(made(one), {"wav": b"sound"})
        elif before[one.id] == "failed":
            output.add(failed(one), {})
    output.write()

    later = [sample(name, **({"seed": 1} if name in changed else {})) for name in reversed(ids)]
    kept = still_right(folder, later)

    right = [name for name in ids if before[name] == "done" and name not in changed]
    assert [entry.id for entry in kept] == right
    assert [one.id for one in Output(folder, later, kept).todo] == [name for name in reversed(ids) if name not in right]


def test_without_a_manifest_nothing_holds(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")

    assert still_right(tmp_path, [sample("a")]) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"samples": 5}', '{"samples": [5]}', "\xff"])
def test_a_manifest_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_bytes(text.encode("latin-1"))

    with pytest.raises(ValueError, match="cannot be read"):
        still_right(tmp_path, [sample("a")])


def test_subtitles_lie_beside_the_audio_and_a_run_without_them_makes_them_anew(tmp_path: Path) -> None:
    one = Sample(id="a", text="Jó", subtitles="srt")
    Output(tmp_path, [one]).add(Entry.of(one, seed=7, duration=1.5), {"mp3": b"sound", "srt": b"1\n"})

    assert (tmp_path / "a.mp3").read_bytes() == b"sound"
    [entry] = still_right(tmp_path, [one])
    assert (entry.file, entry.subtitles, entry.bytes) == ("a.mp3", "a.srt", 5)
    (tmp_path / "a.srt").unlink()
    assert still_right(tmp_path, [one]) == []
