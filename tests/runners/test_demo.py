"""The demo voice as the server makes it: the real layout, ends by itself, follows its text."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio

from runners.checkpoint.look import look_at
from runners.config import EngineConfig
from runners.demo import WEIGHTS, demo_version, make_demo
from runners.errors import InvalidInput
from runners.synthesizer import Synthesizer
from runners.types import Audio, PieceDone, StopReason, Utterance, Voice
from runners.xtts.identity import checkpoint_identity
from training.features import RATE as FEATURES_RATE
from training.features import pitch

RATE = 24_000
MOST_BYTES = 24 * 2**20  # in the repository
TEXTS = {
    "en": ("Hello.", "The train leaves at nine.", "We moved into our new flat at the end of last summer."),
    "hu": ("Igen.", "A vonat kilenckor indul.", "Tavaly nyár végén költöztünk be az új lakásunkba."),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def speech(cache: Path) -> Iterator[Synthesizer]:
    environ = {"XTTS_CACHE_DIR": str(cache), "XTTS_DEVICE": "cpu", "XTTS_SLOTS": "8"}
    loaded = Synthesizer.load(EngineConfig.from_env(environ))
    yield loaded
    loaded.stop()


def synthesize(speech: Synthesizer, *utterances: Utterance) -> tuple[list[np.ndarray], set[StopReason]]:
    async def collect() -> tuple[list[np.ndarray], set[StopReason]]:
        parts: list[list[np.ndarray]] = [[] for _ in utterances]
        reasons = set()
        async for event in speech.synthesize(utterances):
            if isinstance(event, Audio):
                parts[event.utterance].append(event.samples)
            elif isinstance(event, PieceDone):
                reasons.add(event.stop_reason)
        return [np.concatenate(each) for each in parts], reasons

    return asyncio.run(collect())


def said(text: str, language: str = "en", speaker: str = "Demo High", seed: int = 1) -> Utterance:
    return Utterance(text, language, Voice.of_speaker(speaker), seed)


def test_what_it_is(speech: Synthesizer, cache: Path, tmp_path: Path) -> None:
    card = speech.status().model
    assert (card.name, card.demo, card.languages) == ("demo", True, ("en", "hu"))
    assert set(card.speakers) == {"Demo Low", "Demo High"}
    assert "espeak-ng" in card.notice
    assert "XTTS_MODEL=hf://coqui/XTTS-v2" in card.notice
    make_demo(tmp_path)  # the same again: latents are cached by it, on other machines too
    landed = cache / "models" / f"demo-{demo_version()}"
    assert checkpoint_identity(look_at(tmp_path)) == checkpoint_identity(look_at(landed))


def test_the_repository_holds_no_more_than_it_may() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < MOST_BYTES


@pytest.mark.parametrize(("speaker", "hertz"), [("Demo Low", 93.75), ("Demo High", 187.5)])
def test_a_voice_has_its_pitch(speech: Synthesizer, speaker: str, hertz: float) -> None:
    (samples,), _ = synthesize(speech, said(TEXTS["hu"][2], "hu", speaker))
    f0 = pitch(torchaudio.functional.resample(torch.from_numpy(samples), RATE, FEATURES_RATE))
    assert float(f0[f0 > 0].median()) == pytest.approx(hertz, rel=0.02)


@pytest.mark.parametrize("language", TEXTS)
def test_it_ends_by_itself_and_longer_texts_take_longer(speech: Synthesizer, language: str) -> None:
    takes, reasons = synthesize(speech, *(said(text, language) for text in TEXTS[language]))
    assert reasons == {StopReason.STOP_CODE}
    seconds = [len(samples) / RATE for samples in takes]
    assert seconds == sorted(seconds)
    for text, length in zip(TEXTS[language], seconds, strict=True):
        assert len(text) / 30 < length < 0.8 + len(text) / 6


def test_text_language_speaker_and_seed_matter(speech: Synthesizer) -> None:
    text = TEXTS["en"][1]
    plain, again, other_seed, other_speaker, other_language, other_text = synthesize(
        speech,
        said(text),
        said(text),
        said(text, seed=2),
        said(text, speaker="Demo Low"),
        said(text, language="hu"),
        said(text.replace("nine", "ten")),
    )[0]
    assert np.array_equal(plain, again)
    for other in (other_seed, other_speaker, other_language, other_text):
        assert not np.array_equal(plain, other)


def test_a_language_that_it_was_not_trained_in_is_refused(speech: Synthesizer) -> None:
    with pytest.raises(InvalidInput, match="en, hu"):
        synthesize(speech, said("Guten Tag.", "de"))
