"""The runner without BentoML: text to events through everything it is made of, against upstream and against itself."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from TTS.tts.models.xtts import Xtts

from runners.conditioning.voice_file import VoiceLatents
from runners.config import EngineConfig
from runners.errors import ConfigurationError, InvalidInput, SpeechError
from runners.synthesizer import Synthesizer
from runners.types import Audio, Finished, LatentsReady, PieceDone, Reference, Sampling, StopReason, Utterance, Voice
from runners.xtts.checkpoint import Defaults, choose_device, sampling_defaults
from tests import checkpoints
from tests.studio import snr

CLIPS = Path(__file__).resolve().parents[2] / "references" / "default"
GREEDY = Sampling(temperature=0.0)
LOW = Voice.of_speaker("Demo Low")


def load(model: Path, cache: Path, slots: int = 4) -> Synthesizer:
    environ = {"XTTS_MODEL": str(model), "XTTS_CACHE_DIR": str(cache), "XTTS_DEVICE": "cpu", "XTTS_SLOTS": str(slots)}
    return Synthesizer.load(EngineConfig.from_env({"XTTS_PRECISION": "fp32"} | environ))


@pytest.fixture(scope="module")
def speech(hum: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Synthesizer]:
    loaded = load(hum, tmp_path_factory.mktemp("cache"))
    yield loaded
    loaded.stop()


def reference(style: str, weight: float = 1.0) -> Reference:
    clip = CLIPS / f"{style}.flac"
    return Reference(str(clip), hashlib.sha256(clip.read_bytes()).hexdigest(), weight)


async def say(
    speech: Synthesizer, utterances: Sequence[Utterance]
) -> tuple[list[NDArray[np.float32]], list[PieceDone]]:
    parts: dict[tuple[int, int], list[NDArray[np.float32]]] = {}
    done = []
    async for event in speech.synthesize(utterances):
        if isinstance(event, Audio):
            parts.setdefault((event.utterance, event.piece), []).append(event.samples)
        elif isinstance(event, PieceDone):
            done.append(event)
        else:
            assert isinstance(event, Finished)
    waves = [np.concatenate(parts[key]) for key in sorted(parts)]
    return waves, sorted(done, key=lambda piece: (piece.utterance, piece.piece))


@pytest.mark.parametrize(
    "voice", [LOW, Voice((reference("neutral", 0.25), reference("question", 0.75)))], ids=["stored", "blend"]
)
async def test_greedy_speech_is_upstreams(speech: Synthesizer, xtts: Xtts, voice: Voice) -> None:
    latents = speech._conditioner.latents(voice)
    texts = [("hu", "Jó napot kívánok!"), ("en", "It costs $20, Mr. Smith.")]
    waves, _ = await say(speech, [Utterance(text, language, voice, 1, sampling=GREEDY) for language, text in texts])
    for (language, text), ours in zip(texts, waves, strict=True):
        conditioning = latents.gpt_cond_latent, latents.speaker_embedding
        theirs = xtts.inference(text, language, *conditioning, do_sample=False, repetition_penalty=5.0)["wav"]
        assert ours.shape == theirs.shape
        assert snr(theirs, ours) >= 60


async def test_what_is_left_out_is_the_checkpoints_own(speech: Synthesizer, xtts: Xtts, hum: Path) -> None:
    config = json.loads((hum / "config.json").read_text())
    names = ("temperature", "top_k", "top_p", "repetition_penalty")
    assert sampling_defaults(xtts.config) == Defaults(**{name: config[name] for name in names})
    assert sampling_defaults(xtts.config) == Defaults(0.75, 50, 0.85, 5.0)
    spelled = Sampling(**{name: config[name] for name in names})
    plain = Utterance("Egy, kettő, három, négy.", "hu", LOW, seed=4)
    waves, _ = await say(speech, [plain, replace(plain, sampling=spelled)])
    assert np.array_equal(*waves)
    for name, value in (("temperature", 1.4), ("top_k", 2), ("top_p", 0.2), ("repetition_penalty", 1.0)):
        (other,), _ = await say(speech, [replace(plain, sampling=replace(spelled, **{name: value}))])
        assert other.shape != waves[0].shape or not np.allclose(other, waves[0], atol=1e-3), name


async def test_a_long_text_comes_in_pieces_that_stand_alone(speech: Synthesizer) -> None:
    sentences = [
        "Ez az első mondat, amely elég hosszú ahhoz, hogy ne férjen össze a többivel, bárhogyan is.",
        "Ez a második, amely szintén hosszú, és amelyet ezért külön kell elmondani, ha tetszik, ha nem.",
        "Végül ez a harmadik, amely után már semmi sem jön, csak a csend, és a taps, ha valaki tapsol.",
    ]
    whole = Utterance(" ".join(sentences), "hu", LOW, seed=9, speed=2)
    waves, done = await say(speech, [whole])
    assert len(waves) == len(done) > 1
    assert [piece.piece for piece in done] == list(range(len(done)))
    first = speech._frontend.pieces(whole.text, "hu")[0].text
    (alone,), _ = await say(speech, [replace(whole, text=first)])
    assert speech._sampling(whole, 0).stream == whole.seed
    assert speech._sampling(whole, 1).stream != whole.seed
    assert np.array_equal(alone, waves[0])  # the first piece draws from the same stream as its text alone


async def test_faults_name_the_utterance(speech: Synthesizer) -> None:
    good = Utterance("Jó napot!", "hu", LOW, 1)
    for bad in (
        replace(good, text="ქართული"),
        replace(good, language="xx"),
        replace(good, voice=Voice.of_speaker("Nobody")),
    ):
        with pytest.raises(InvalidInput) as refused:
            await say(speech, [good, good, bad])
        assert refused.value.utterance == 2
    assert speech.status().load.live == 0


async def test_leaving_frees_the_slots(speech: Synthesizer) -> None:
    long = Utterance("Ez egy hosszú mondat, amelyet senki sem hallgat végig. " * 4, "hu", LOW, 1)
    async with aclosing(speech.synthesize([long] * 3)) as events:
        async for _ in events:
            break
    async with asyncio.timeout(60):
        while speech.status().load.live or speech.status().load.waiting:  # noqa: ASYNC110  (a thread changes it)
            await asyncio.sleep(0.02)


async def test_a_voices_latents_are_a_file_that_says_the_same(speech: Synthesizer, tmp_path: Path) -> None:
    styles = {"question": Voice((reference("question"),)), "neutral": Voice((reference("neutral"),)), "low": LOW}
    heard, finished = [event async for event in speech.latents(styles)]
    assert isinstance(heard, LatentsReady)
    assert finished == Finished()
    file = tmp_path / "latents.safetensors"
    file.write_bytes(heard.latents)
    unpacked = VoiceLatents.unpack(heard.latents)
    assert list(unpacked.styles) == list(styles)
    assert unpacked.checkpoint == speech.status().model.checkpoint
    assert unpacked.model == speech.status().model.name
    digest = hashlib.sha256(heard.latents).hexdigest()
    for style, voice in styles.items():
        stored = Voice((Reference(str(file), digest, style=style),))
        waves, _ = await say(speech, [Utterance("Jó napot!", "hu", each, 5) for each in (voice, stored)])
        assert np.array_equal(*waves)


async def test_latents_of_what_cannot_be_heard(speech: Synthesizer) -> None:
    with pytest.raises(InvalidInput, match="Nobody"):
        await anext(speech.latents({"a": Voice.of_speaker("Nobody")}))


def variation(demo: Path, folder: Path, tensors: dict[str, int], **args: int) -> Path:
    """The demo checkpoint with other limits: embeddings cut to so many rows, and the config that goes with them."""
    shutil.copytree(demo, folder)
    checkpoint = torch.load(folder / "model.pth", weights_only=True)
    for name, rows in tensors.items():
        checkpoint["model"][name] = checkpoint["model"][name][:rows].clone()
    torch.save(checkpoint, folder / "model.pth")
    config = json.loads((folder / "config.json").read_text())
    config["model_args"] |= args
    config["languages"] = ["hu", "en"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


async def test_a_checkpoint_with_other_limits(hum: Path, tmp_path: Path) -> None:
    cut = {"gpt.mel_pos_embedding.emb.weight": 43, "gpt.text_pos_embedding.emb.weight": 52}
    folder = variation(hum, tmp_path / "model", cut, gpt_max_audio_tokens=40, gpt_max_text_tokens=50)
    speech = load(folder, tmp_path)
    try:
        assert speech.status().model.languages == ("hu", "en")
        assert speech.status().model.name == "model"  # the folder's name, not where it lies
        text = "Ez a szöveg jóval hosszabb annál, mint ami ennek a modellnek egyszerre kimondható volna."
        _, done = await say(speech, [Utterance(text, "hu", LOW, 1)])
        assert len(done) > 1  # more text tokens than this model takes at once
        assert StopReason.LIMIT in [piece.stop_reason for piece in done]
        assert max(piece.codes for piece in done) == 37  # 40 less the three that upstream keeps for itself
        with pytest.raises(SpeechError, match="hu, en"):
            await say(speech, [Utterance("Guten Tag!", "de", LOW, 1)])
    finally:
        speech.stop()


async def test_a_language_that_a_fine_tune_added(hum: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    checkpoints.own_language(hum, folder)
    synthesizer = load(folder, tmp_path)
    try:
        assert synthesizer.status().model.languages[-1] == "vi"
        (wave,), _ = await say(synthesizer, [Utterance("Xin chào thế giới!", "vi", LOW, 1)])
        assert len(wave) > 1000
        with pytest.raises(SpeechError, match="has no language 'be'"):
            await say(synthesizer, [Utterance("Прывітанне", "be", LOW, 1)])
    finally:
        synthesizer.stop()


@pytest.mark.parametrize("damage", ["model.pth", "config.json", "vocab.json"])
def test_a_damaged_checkpoint_is_named(hum: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(hum, folder)
    (folder / damage).write_bytes(b"{ junk")
    with pytest.raises(ConfigurationError, match=str(folder)):
        load(folder, tmp_path)


@pytest.mark.parametrize(
    ("name", "worker", "gpus", "device"),
    [
        ("auto", 0, 0, "cpu"),
        ("auto", 3, 0, "cpu"),
        ("cpu", 0, 8, "cpu"),
        ("auto", 0, 2, "cuda:0"),
        ("auto", 1, 2, "cuda:1"),
        ("cuda", 1, 2, "cuda:1"),
        ("cuda:1", 0, 2, "cuda:1"),
    ],
)
def test_devices(name: str, worker: int, gpus: int, device: str) -> None:
    assert str(choose_device(name, worker, gpus)) == device


@pytest.mark.parametrize(
    ("name", "worker", "gpus", "message"),
    [
        ("cuda", 0, 0, "XTTS_DEVICE=cuda: must be cpu or auto"),
        ("cuda:2", 0, 2, "XTTS_DEVICE=cuda:2: must be cuda:N with N below 2"),
        ("auto", 2, 2, "XTTS_WORKERS=3: must be at most 2"),
    ],
)
def test_devices_that_are_not_there(name: str, worker: int, gpus: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choose_device(name, worker, gpus)
