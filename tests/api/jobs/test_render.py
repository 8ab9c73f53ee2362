"""A sample's file from its passages: as its entry says, and in no more memory for an hour than for a minute."""

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import soundfile

from api.audio.recording import AudioSpec
from api.jobs.render import Passage, RenderTask
from api.jobs.schemas import Sample
from api.plan import Phrase
from runners.types import Utterance, Voice

RATE = 24_000


def task(folder: Path, passages: int, seconds: float, pause: float = 0.0) -> RenderTask:
    sample = Sample(id="a", text="\n\n".join("x" * passages), paragraph_pause=pause, output_format="wav", seed=1)
    utterance = Utterance("x", "en", Voice.of_speaker("x"), 1)
    phrases = [Phrase(part, utterance, pause, f"{part + 1}.") for part in range(passages)]
    audio = AudioSpec("wav", RATE, [pause] * (passages - 1) + [0.0], trim=False)
    made = RenderTask(sample, [Passage(part, utterance) for part in range(passages)], phrases, audio, folder / "0")
    half = np.full(round(seconds * RATE / 2), 0.1, np.float32)
    for index in range(passages):
        made.keep(index, (half, half))
        made.done.add(index)
    return made


def peak(folder: Path, passages: int, pause: float = 0.0) -> int:
    """Bytes that rendering takes at most."""
    made = task(folder, passages, 5.0, pause)
    tracemalloc.start()
    try:
        made.finish(folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_sample(tmp_path: Path) -> None:
    short = peak(tmp_path, 2)
    assert peak(tmp_path, 40) < short + 500_000  # 19 MB of samples more
    assert peak(tmp_path, 11, pause=60) < short + 500_000  # 600 s of silence


def test_a_file_is_what_its_entry_says_and_its_passages_are_gone(tmp_path: Path) -> None:
    entry = task(tmp_path, 3, 1.0, 0.5).finish(tmp_path)

    [file] = tmp_path.iterdir()
    assert (file.name, file.stat().st_size, file.stat().st_mode & 0o777) == ("a.wav", entry.bytes, 0o600)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == entry.sha256
    assert entry.spans == [(0, 1), (1.5, 2.5), (3, 4)]
    assert soundfile.info(file).duration == entry.duration == 4
