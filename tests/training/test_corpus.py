"""Where espeak-ng is installed: speech of it, measured and kept."""

import ctypes.util
from pathlib import Path

import pytest
import torch

from training.corpus import HELD_OUT_VARIANTS, VARIANTS, frontend, make_corpus, spoken
from training.espeak import Espeak, Speaker
from training.features import STRIDE, pitch
from training.plan import Plan
from training.shards import load_shard
from training.texts import Texts

pytestmark = pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def median_pitch(samples: torch.Tensor) -> float:
    found = pitch(samples)
    return float(found[found > 0].median())


def test_it_speaks_whole_codes_with_silence_at_both_ends(espeak: Espeak) -> None:
    samples = spoken(espeak, "Jó napot kívánok!", "hu", Speaker("f2", 50, 50, 170))
    assert len(samples) % STRIDE == 0
    assert samples[:1000].abs().max() < 0.002
    assert samples[-4000:].abs().max() < 0.002
    assert samples.abs().max() > 0.05


def test_a_speaker_is_a_pitch_and_a_pace(espeak: Espeak) -> None:
    low, high = (spoken(espeak, "The sun went down.", "en", Speaker("m3", pitch, 50, 160)) for pitch in (10, 90))
    assert median_pitch(high) > 1.4 * median_pitch(low)
    quick = spoken(espeak, "The sun went down.", "en", Speaker("m3", 10, 50, 240))
    assert len(quick) < 0.85 * len(low)


def test_nothing_sounds_in_nothing(espeak: Espeak) -> None:
    assert len(spoken(espeak, "...", "en", Speaker("m3", 10, 50, 160))) == 0


def test_a_voice_that_is_not_there_is_an_error(espeak: Espeak) -> None:
    with pytest.raises(ValueError, match="has no voice"):
        espeak.speak("word", "no-such-language", Speaker("m3", 10, 50, 160))


def test_the_voices_that_judge_are_not_those_that_train() -> None:
    assert not set(VARIANTS) & set(HELD_OUT_VARIANTS)


def test_a_shard_follows_from_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = Texts(["alma", "körte", "szilva"], ["Ez itt egy mondat.", "A másik mondat hosszabb, mint az első."])
    monkeypatch.setattr("training.corpus.MIX", {"hu": 1.0})
    monkeypatch.setattr("training.corpus.load_texts", lambda language, sources: texts)
    monkeypatch.setattr("training.corpus.SPEAKERS_PER_SHARD", 2)
    monkeypatch.setattr("training.corpus.UTTERANCES_PER_SPEAKER", 3)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_corpus(Plan(tmp_path / name, shard_count=1, audio_shards=1))
    one, two = (load_shard(tmp_path / name / "shard-0000.npz") for name in ("one", "two"))
    assert len(one.utterances) > 3
    for ours, theirs in zip(one.utterances, two.utterances, strict=True):
        assert torch.equal(ours.tokens, theirs.tokens)
        assert abs(len(ours.audio) - len(theirs.audio)) <= 2 * STRIDE  # espeak's voices waver
        assert len(ours.mel) == len(ours.f0) == len(ours.audio) // 256


def test_texts_become_the_servers_own_tokens(tmp_path: Path) -> None:
    piece = frontend(tmp_path).pieces("Room 12", "en")[0]
    assert piece.text == "room twelve"
    assert len(piece.tokens) == 1 + len(piece.text)
