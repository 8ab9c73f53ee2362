"""A job from its folder to its zip, with a runner that fails now and then."""

import asyncio
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.audio.mastering import loudness_of
from api.jobs.state import Progress
from api.loudness import WORDS
from runners.errors import StorageAway
from runners.types import Audio, Finished, PieceDone, StopReason
from tests.api.jobs import conftest
from tests.api.jobs.conftest import ID, Worker
from tests.api.jobs.fake_bulk_runner import RATE, FakeBulkRunner, packed

SENTENCE = "This is a sentence of some length, and it goes on. "


def unzipped(worker: Worker) -> tuple[dict[str, Any], dict[str, bytes]]:
    files = conftest.unzipped(worker.files, ID)
    return json.loads(files.pop("manifest.json")), files


async def test_every_sample_becomes_a_file_and_an_entry(worker: Worker) -> None:
    segments = [{"text": "One.", "pause_after": 0.5}, {"text": "Three."}]
    await worker.run({"id": "a", "text": "Hello."}, {"id": "b", "segments": segments, "trim_silence": False})
    manifest, files = unzipped(worker)
    assert manifest["totals"] == {
        "samples": 2,
        "done": 2,
        "failed": 0,
        "pending": 0,
        "duration": 0.66,
        "bytes": sum(map(len, files.values())),
    }
    first, second = manifest["samples"]
    assert first == {
        "id": "a",
        "text": "Hello.",
        "file": "a.wav",
        "seed": 7,
        "language": ["en"],
        "sample_rate": RATE,
        "duration": 0.06,
        "spans": [[0.0, 0.06]],
        "bytes": len(files["a.wav"]),
        "sha256": hashlib.sha256(files["a.wav"]).hexdigest(),
        "request_sha256": worker.files.request(ID).samples[0].digest,
    }
    assert second["segments"] == segments
    assert second["spans"] == [[0.0, 0.04], [0.54, 0.6]]
    assert set(files) == {"a.wav", "b.wav"}
    samples, rate = soundfile.read(io.BytesIO(files["b.wav"]))
    assert (len(samples), rate) == (0.6 * RATE, RATE)
    progress = worker.progress
    assert (progress.total, progress.done, progress.failed, progress.passages_done) == (2, 2, 0, 3)
    assert progress.audio_seconds == pytest.approx(0.16)
    assert "Hello" not in str(worker.kept)  # what is recorded has no texts


async def test_a_chapter_is_said_in_passages_with_pauses_between_paragraphs(
    worker: Worker, runner: FakeBulkRunner
) -> None:
    chapter = "".join(f"This is sentence {i}, and it goes on. " for i in range(40)) + "\n\n" + SENTENCE
    await worker.run({"id": "a", "text": chapter, "paragraph_pause": 2})
    manifest, files = unzipped(worker)
    (first, second) = manifest["samples"][0]["spans"]
    assert second[0] - first[1] == pytest.approx(2.0)
    assert len(runner.said) > 3
    assert max(map(len, runner.said)) <= 500
    samples, _ = soundfile.read(io.BytesIO(files["a.wav"]))
    assert len(samples) / RATE == pytest.approx(second[1], abs=0.01)
    assert np.count_nonzero(np.abs(samples) > 0.05) / RATE == pytest.approx(sum(map(len, runner.said)) / 100, rel=0.01)


async def test_a_sample_that_fails_does_not_take_the_others_with_it(worker: Worker) -> None:
    spoilt = SENTENCE * 20 + "?! " + SENTENCE * 20
    await worker.run({"id": "a", "text": "x"}, {"id": "b", "text": spoilt}, {"id": "c", "text": "y"})
    manifest, files = unzipped(worker)
    assert set(files) == {"a.wav", "c.wav"}
    assert manifest["totals"]["failed"] == 1
    assert manifest["samples"][1]["error"] == {
        "type": "invalid_request",
        "message": "There is nothing to say here.",
        "param": "text",
    }


async def test_a_voice_that_has_gone_fails_its_samples_only(worker: Worker) -> None:
    await worker.run({"id": "a", "text": "x", "voice": "gone"}, {"id": "b", "text": "y"})
    manifest, _ = unzipped(worker)
    assert [entry.get("error", {}).get("type") for entry in manifest["samples"]] == ["voice_not_found", None]


async def test_what_the_engine_fails_of_is_tried_again(worker: Worker, runner: FakeBulkRunner) -> None:
    runner.down, runner.broken = 1, 1
    await worker.run({"id": "a", "text": "x"}, {"id": "b", "text": "y"})
    assert unzipped(worker)[0]["totals"]["done"] == 2


async def test_an_engine_that_fails_for_good_fails_the_sample(worker: Worker, runner: FakeBulkRunner) -> None:
    runner.broken = 1000
    await worker.run({"id": "a", "text": "x"})
    assert unzipped(worker)[0]["samples"][0]["error"]["type"] == "engine_failure"
    assert runner.said["x"] == 3


async def test_a_bucket_that_is_away_fails_the_step_and_not_the_sample(worker: Worker, runner: FakeBulkRunner) -> None:
    runner.away = 1
    with pytest.raises(StorageAway):
        await worker.run({"id": "a", "text": "x"})
    await worker.run()
    assert unzipped(worker)[0]["totals"]["done"] == 1


@given(st.integers(0, 12), st.integers(1, 4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_a_job_goes_on_where_it_was_stopped(worker: Worker, runner: FakeBulkRunner, calls: int, slots: int) -> None:
    """Stopped after so many calls: nothing is missing or there twice, and what was recorded is not said again."""
    worker.files.remove(ID)
    worker.kept.clear()
    worker.progress = Progress()
    runner.slots, runner.said = slots, type(runner.said)()
    samples = [{"id": f"s{index}", "text": f"Text {index}."} for index in range(20)]

    async def stopped() -> None:
        working = asyncio.create_task(worker.run(*samples))
        runner.calls.clear()
        while len(runner.calls) <= calls and not working.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(stopped())
    recorded = worker.progress.done
    before = dict(runner.said)
    asyncio.run(worker.run())
    manifest, files = unzipped(worker)
    assert [entry["id"] for entry in manifest["samples"]] == [f"s{index}" for index in range(20)]
    assert set(files) == {f"s{index}.wav" for index in range(20)}
    again = {text for text in before if runner.said[text] > before[text]}
    assert len(again) <= len(before) - recorded
    progress = worker.progress
    assert (progress.done, progress.passages_done) == (20, 20)
    assert progress.audio_seconds == pytest.approx(manifest["totals"]["duration"])


async def test_subtitles_lie_beside_the_audio_sentence_by_sentence(worker: Worker) -> None:
    text = "It is sentence 1, truly. It is another one!\n\nA paragraph."
    await worker.run({"id": "a", "text": text, "subtitles": "srt", "paragraph_pause": 0.5})
    manifest, files = unzipped(worker)
    [entry] = manifest["samples"]
    assert set(files) == {"a.wav", "a.srt"}
    assert (entry["subtitles"], len(entry["spans"])) == ("a.srt", 3)
    said = [block.split("\n")[2] for block in files["a.srt"].decode().split("\n\n")[:3]]
    assert said == ["It is sentence 1, truly.", "It is another one!", "A paragraph."]
    assert entry["spans"][2][0] - entry["spans"][1][1] == pytest.approx(0.5)
    assert entry["spans"][0][1] == entry["spans"][1][0]


class Choir(FakeBulkRunner):
    """Sings what it is given, a text with `loud` in it four times as loudly."""

    def _say(self, utterance: dict[str, Any]) -> str:
        text = utterance["text"]
        self.said[text] += 1
        tone = np.sin(np.arange(len(text) * 480) * (2 * np.pi * 440 / RATE)) * (0.2 if "loud" in text else 0.05)
        return packed(Audio(0, 0, tone.astype(np.float32)), PieceDone(0, 0, 3, StopReason.STOP_CODE), Finished())


LOUD, SOFT = "A loud one. " * 30, "A soft one. " * 30


def heard(file: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(file), dtype="float32")[0]


@pytest.mark.parametrize("runner", [Choir()])
async def test_one_gain_for_all_passages_of_a_file(worker: Worker) -> None:
    """What is said softly stays softer; a file by itself is as loud as was asked for."""
    chapter = {"id": "both", "text": f"{LOUD}\n\n{SOFT}", "paragraph_pause": 0, "loudness": -20}
    await worker.run(chapter)
    manifest, files = unzipped(worker)
    assert len(manifest["samples"][0]["spans"]) == 2
    both = heard(files["both.wav"])
    assert loudness_of([both], RATE, RATE) == pytest.approx(-20, abs=0.3)
    (_, end), _ = manifest["samples"][0]["spans"]
    first, second = np.split(both, [round(end * RATE)])
    assert np.std(first) / np.std(second) == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("runner", [Choir()])
async def test_one_gain_for_all_files_of_a_job(worker: Worker, runner: Choir, tmp_path: Path) -> None:
    """Its voice's, which says a few words softly; of what is too short to be measured too, and after a crash again."""
    texts = {"soft": SOFT, "loud": LOUD, "short": "Hm."}
    samples = [{"id": id, "text": text, "loudness": -20} for id, text in texts.items()]
    await worker.run(*samples, {"id": "as made", "text": LOUD})
    (tmp_path / "jobs" / ID / "result.zip").unlink()
    del worker.kept[1], worker.kept[2]  # a crash
    await worker.run()
    manifest, files = unzipped(worker)
    assert len(manifest["samples"]) == 4
    assert runner.said[WORDS] == 1
    soft, loud, short, as_made = (heard(files[f"{name}.wav"]) for name in (*texts, "as made"))
    assert loudness_of([soft], RATE, RATE) == pytest.approx(-20, abs=0.3)
    assert np.std(loud) / np.std(soft) == pytest.approx(4, rel=0.02)
    assert np.abs(short).max() == pytest.approx(np.abs(soft).max(), rel=0.02)
    assert np.std(as_made) == pytest.approx(0.2 / np.sqrt(2), rel=0.02)
