"""What the model hears of a voice: what upstream hears of every reference, and each only once."""

import dataclasses
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from numpy.typing import NDArray
from TTS.tts.models.xtts import Xtts, load_audio

from runners.conditioning.cache import LatentsCache
from runners.conditioning.clip import Clip, decode_clip
from runners.conditioning.conditioner import Conditioner, at_model_rate, latent_shapes
from runners.conditioning.latents import Latents
from runners.conditioning.voice_file import StyleLatents, VoiceLatents
from runners.errors import (
    EngineFailure,
    ForeignLatents,
    InvalidInput,
    UnreadableClip,
    UnreadableLatents,
)
from runners.types import Reference, Voice
from runners.xtts.model import Model

DEFAULT_VOICE = Path(__file__).parents[3] / "references" / "default"


@pytest.fixture
def conditioner(model: Model, tmp_path: Path) -> Conditioner:
    return Conditioner(model, checkpoint="demo", cache=LatentsCache(tmp_path / "latents", latent_shapes(model)))


@pytest.fixture
def upstream(xtts: Xtts, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """Upstream's get_conditioning_latents with the checkpoint's settings, hearing every file to its end.

    Its torchaudio.load needs FFmpeg's shared libraries. Where they are missing, soundfile stands in:
    test_clip shows that the two give the same samples.
    """

    def by_soundfile(file: str) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T.copy()), rate

    try:
        torchaudio.load(DEFAULT_VOICE / "neutral.flac")
    except (ImportError, RuntimeError):
        monkeypatch.setattr(torchaudio, "load", by_soundfile)

    def latents(files: list[Path], **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
        config = xtts.config
        defaults = {
            "gpt_cond_len": 10_000,
            "gpt_cond_chunk_len": config.gpt_cond_chunk_len,
            "max_ref_length": config.max_ref_len,
            "sound_norm_refs": config.sound_norm_refs,
        }
        return xtts.get_conditioning_latents([str(file) for file in files], **(defaults | settings))

    return latents


def voiced(seconds: float, rate: int, pitch: float = 120.0, channels: int = 1) -> NDArray[np.float32]:
    """(time, channels): a buzz with syllables and some breath, so that the model has something to hear."""
    time = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 20))
    breath = np.random.default_rng(int(pitch)).normal(0, 0.05, len(time))
    mono = 0.15 * (1 + np.sin(2 * np.pi * 4 * time)) * buzz + breath
    return np.stack([mono * (1 - 0.3 * channel) for channel in range(channels)], axis=1).astype(np.float32)


def write_clip(file: Path, samples: NDArray[np.float32], rate: int, subtype: str = "PCM_16") -> Path:
    soundfile.write(file, samples, rate, subtype=subtype)
    return file


def reference(file: Path, weight: float = 1.0) -> Reference:
    return Reference(str(file), hashlib.sha256(file.read_bytes()).hexdigest(), weight)


def voice(*files: Path) -> Voice:
    return Voice(tuple(reference(file) for file in files))


def with_settings(model: Model, folder: Path, **settings: Any) -> Conditioner:
    """Of the same model, as if its config.json said something else."""
    model = _WithConfig(model, SimpleNamespace(**settings))
    return Conditioner(model, checkpoint="demo", cache=LatentsCache(folder, latent_shapes(model)))


def assert_same(ours: Latents, theirs: tuple[torch.Tensor, torch.Tensor]) -> None:
    torch.testing.assert_close(ours.gpt_cond_latent, theirs[0].float(), rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.speaker_embedding, theirs[1].float(), rtol=0, atol=1e-5)


CLIPS = {
    "wav 16 bit": (22_050, 1, "clip.wav", "PCM_16"),
    "wav 8 bit": (22_050, 1, "clip.wav", "PCM_U8"),
    "wav 24 bit stereo": (44_100, 2, "clip.wav", "PCM_24"),
    "wav float stereo": (48_000, 2, "clip.wav", "FLOAT"),
    "flac 24 kHz": (24_000, 1, "clip.flac", "PCM_16"),
    "flac 24 bit, three channels": (16_000, 3, "clip.flac", "PCM_24"),
    "telephone": (8_000, 1, "clip.wav", "PCM_16"),
}


@pytest.mark.parametrize("kind", CLIPS)
def test_one_clip_as_upstream_hears_it(
    kind: str, tmp_path: Path, conditioner: Conditioner, upstream: Callable[..., Any]
) -> None:
    rate, channels, name, subtype = CLIPS[kind]
    clip = write_clip(tmp_path / name, voiced(1.3, rate, channels=channels), rate, subtype)
    audio = at_model_rate(decode_clip(clip.read_bytes(), longest=31))
    torch.testing.assert_close(audio, load_audio(str(clip), 22_050), rtol=0, atol=1e-6)
    assert_same(conditioner.latents(voice(clip)), upstream([clip]))


def test_a_clip_of_more_than_one_chunk_as_upstream_hears_it(
    tmp_path: Path, model: Model, conditioner: Conditioner, upstream: Callable[..., Any]
) -> None:
    chunk = model.config.gpt_cond_chunk_len
    for seconds in (chunk + 0.2, chunk + 1):  # what is left of the first is too short to be heard by the GPT
        clip = write_clip(tmp_path / f"{seconds}.wav", voiced(seconds, 22_050), 22_050)
        assert_same(conditioner.latents(voice(clip)), upstream([clip]))


def test_an_equal_blend_of_whole_chunks_as_upstream_hears_it(
    conditioner: Conditioner, upstream: Callable[..., Any]
) -> None:
    clips = sorted(DEFAULT_VOICE.glob("*.flac"))
    assert len(clips) == 3
    ours = conditioner.latents(voice(*clips))
    assert_same(ours, upstream(clips))
    # The same assertion fails for one clip alone: all that the GPT hears by upstream's default of 6 s.
    with pytest.raises(AssertionError):
        assert_same(ours, upstream(clips[:1]))


def test_every_reference_counts_the_same_however_long(
    tmp_path: Path, model: Model, conditioner: Conditioner, upstream: Callable[..., Any]
) -> None:
    chunk = model.config.gpt_cond_chunk_len
    short = write_clip(tmp_path / "short.wav", voiced(chunk, 22_050, 100), 22_050)
    long = write_clip(tmp_path / "long.wav", voiced(2 * chunk, 22_050, 200), 22_050)
    ours = conditioner.latents(voice(short, long))
    alone = [upstream([short]), upstream([long])]
    assert_same(ours, ((alone[0][0] + alone[1][0]) / 2, (alone[0][1] + alone[1][1]) / 2))
    by_chunks = (alone[0][0] + 2 * alone[1][0]) / 3
    assert_same(Latents(by_chunks, ours.speaker_embedding), upstream([short, long]))
    assert not torch.allclose(ours.gpt_cond_latent, by_chunks, atol=1e-4)


def test_a_clip_is_heard_up_to_the_checkpoints_limit(
    tmp_path: Path, model: Model, upstream: Callable[..., Any]
) -> None:
    clip = write_clip(tmp_path / "long.wav", voiced(7, 16_000), 16_000)
    limits = {"gpt_cond_len": 2, "gpt_cond_chunk_len": 1}
    conditioner = with_settings(model, tmp_path, **limits, max_ref_len=3, sound_norm_refs=False)
    assert_same(conditioner.latents(voice(clip)), upstream([clip], **limits, max_ref_length=3))


def test_weights_are_used(tmp_path: Path, conditioner: Conditioner) -> None:
    low = write_clip(tmp_path / "low.wav", voiced(1, 22_050, 90), 22_050)
    high = write_clip(tmp_path / "high.wav", voiced(1, 22_050, 240), 22_050)
    one, other = conditioner.latents(voice(low)), conditioner.latents(voice(high))
    assert not torch.allclose(one.gpt_cond_latent, other.gpt_cond_latent, atol=1e-3)
    mixed = conditioner.latents(Voice((reference(low, 0.75), reference(high, 0.25))))
    expected = one.gpt_cond_latent * 0.75 + other.gpt_cond_latent * 0.25
    torch.testing.assert_close(mixed.gpt_cond_latent, expected, rtol=0, atol=1e-6)


def test_loudness_is_evened_out_when_the_checkpoint_says_so(
    tmp_path: Path, model: Model, upstream: Callable[..., Any]
) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(1, 22_050) / 4, 22_050)
    settings = {name: model.config[name] for name in ("gpt_cond_len", "gpt_cond_chunk_len", "max_ref_len")}
    conditioner = with_settings(model, tmp_path, **settings, sound_norm_refs=True)
    assert_same(conditioner.latents(voice(clip)), upstream([clip], sound_norm_refs=True))
    with pytest.raises(AssertionError):
        assert_same(conditioner.latents(voice(clip)), upstream([clip]))


class _WithConfig:
    """The same model under another configuration."""

    def __init__(self, model: Model, config: SimpleNamespace) -> None:
        self._model = model
        self.config = config

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def test_latents_are_plain_values(tmp_path: Path, conditioner: Conditioner) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(0.5, 22_050), 22_050)
    latents = conditioner.latents(voice(clip))
    for tensor in (latents.gpt_cond_latent, latents.speaker_embedding):
        assert tensor.dtype == torch.float32
        assert tensor.device.type == "cpu"
        assert not tensor.is_inference()
        assert not tensor.requires_grad
        assert tensor.is_contiguous()


def test_a_stored_speaker_is_used_as_it_is(model: Model, conditioner: Conditioner) -> None:
    assert conditioner.speakers == tuple(model.speakers)
    for name in conditioner.speakers:
        latents = conditioner.latents(Voice.of_speaker(name))
        assert torch.equal(latents.gpt_cond_latent, model.speakers[name]["gpt_cond_latent"])
        assert torch.equal(latents.speaker_embedding, model.speakers[name]["speaker_embedding"])
        assert latents.shapes == latent_shapes(model)


def test_an_unknown_speaker_is_named_beside_those_there_are(conditioner: Conditioner) -> None:
    with pytest.raises(InvalidInput, match=conditioner.speakers[0]) as refused:
        conditioner.latents(Voice.of_speaker("Nobody"))
    assert refused.value.param == "voice"


def test_a_clip_is_heard_once(tmp_path: Path, model: Model) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(0.5, 22_050), 22_050)
    found: list[str] = []
    for _ in range(2):  # the second cache starts cold in memory, as another process would
        cache = LatentsCache(tmp_path / "latents", latent_shapes(model), count=found.append)
        conditioner = Conditioner(model, checkpoint="demo", cache=cache)
        first, second = conditioner.latents(voice(clip)), conditioner.latents(voice(clip))
        assert torch.equal(first.gpt_cond_latent, second.gpt_cond_latent)
    assert found == ["miss", "memory", "disk", "memory"]


def test_another_checkpoint_hears_anew(tmp_path: Path, model: Model) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(0.5, 22_050), 22_050)
    found: list[str] = []
    cache = LatentsCache(tmp_path / "latents", latent_shapes(model), count=found.append)
    for checkpoint in ("one", "other"):
        Conditioner(model, checkpoint=checkpoint, cache=cache).latents(voice(clip))
    assert found == ["miss", "miss"]


def test_a_clip_that_changed_is_not_cached_under_the_old_digest(tmp_path: Path, model: Model) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(0.5, 22_050, 100), 22_050)
    asked = voice(clip)
    write_clip(clip, voiced(0.5, 22_050, 200), 22_050)
    cache = LatentsCache(tmp_path / "latents", latent_shapes(model))
    conditioner = Conditioner(model, checkpoint="demo", cache=cache)
    with pytest.raises(UnreadableClip, match=r"clip\.wav: the file changed"):
        conditioner.latents(asked)
    write_clip(clip, voiced(0.5, 22_050, 100), 22_050)
    conditioner.latents(asked)


def test_what_is_wrong_with_a_clip_is_said_by_its_name_only(tmp_path: Path, conditioner: Conditioner) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"not a sound")
    for asked in (voice(noise), Voice((Reference(str(tmp_path / "gone.wav"), "0" * 64),))):
        with pytest.raises(UnreadableClip) as refused:
            conditioner.latents(asked)
        assert refused.value.message.startswith(Path(asked.references[0].path).name)
        assert str(tmp_path) not in refused.value.message
        assert refused.value.param == "voice"


def test_threads_do_not_disturb_each_other(tmp_path: Path, model: Model) -> None:
    clips = [write_clip(tmp_path / f"{pitch}.wav", voiced(0.5, 22_050, pitch), 22_050) for pitch in (90, 130, 200)]
    alone, together = (
        Conditioner(model, checkpoint=name, cache=LatentsCache(tmp_path / name, latent_shapes(model)))
        for name in ("alone", "together")
    )
    with ThreadPoolExecutor(3) as pool:
        heard = list(pool.map(together.latents, [voice(clip) for clip in clips]))
    for clip, latents in zip(clips, heard, strict=True):
        expected = alone.latents(voice(clip))
        torch.testing.assert_close(latents.gpt_cond_latent, expected.gpt_cond_latent, rtol=0, atol=1e-5)
        torch.testing.assert_close(latents.speaker_embedding, expected.speaker_embedding, rtol=0, atol=1e-5)


def kept(file: Path, conditioner: Conditioner, checkpoint: str, **clips: Path) -> Path:
    """A latents file of what the conditioner hears in the clips."""
    styles = {}
    for style, clip in clips.items():
        heard = conditioner.latents(voice(clip))
        styles[style] = StyleLatents(heard.gpt_cond_latent.numpy(), heard.speaker_embedding.numpy())
    file.write_bytes(VoiceLatents(checkpoint, "a model", styles).pack())
    return file


def from_file(file: Path, style: str, weight: float = 1.0) -> Reference:
    return dataclasses.replace(reference(file, weight), style=style)


def test_a_latents_file_stands_for_the_clips(tmp_path: Path, conditioner: Conditioner) -> None:
    clips = {
        "a": write_clip(tmp_path / "a.wav", voiced(0.5, 22_050, 90), 22_050),
        "b": write_clip(tmp_path / "b.wav", voiced(0.7, 22_050, 200), 22_050),
    }
    file = kept(tmp_path / "latents.safetensors", conditioner, "demo", **clips)
    stored = Voice((from_file(file, "a", 0.3), from_file(file, "b", 0.7)))
    heard = Voice((reference(clips["a"], 0.3), reference(clips["b"], 0.7)))
    for one, other in ((stored, heard), (Voice((from_file(file, "b"),)), voice(clips["b"]))):
        ours, theirs = conditioner.latents(one), conditioner.latents(other)
        assert torch.equal(ours.gpt_cond_latent, theirs.gpt_cond_latent)
        assert torch.equal(ours.speaker_embedding, theirs.speaker_embedding)


def test_latents_of_another_checkpoint_are_refused_by_its_name(tmp_path: Path, conditioner: Conditioner) -> None:
    file = kept(tmp_path / "latents.safetensors", conditioner, "other-checkpoint", a=DEFAULT_VOICE / "neutral.flac")
    with pytest.raises(ForeignLatents, match=r"other-checkp.*'a model'.*demo") as refused:
        conditioner.latents(Voice((from_file(file, "a"),)))
    assert refused.value.param == "voice"
    assert str(tmp_path) not in refused.value.message


def test_latents_that_do_not_fit_are_refused(tmp_path: Path, conditioner: Conditioner) -> None:
    file = tmp_path / "latents.safetensors"
    narrow = StyleLatents(np.zeros((1, 32, 7), np.float32), np.zeros((1, 512, 1), np.float32))
    file.write_bytes(VoiceLatents("demo", "m", {"a": narrow}).pack())
    with pytest.raises(UnreadableLatents, match=r"latents\.safetensors: the latents have .*7"):
        conditioner.latents(Voice((from_file(file, "a"),)))
    with pytest.raises(UnreadableLatents, match="no style 'b'"):
        conditioner.latents(Voice((from_file(file, "b"),)))
    asked = Voice((from_file(file, "a"),))
    file.write_bytes(b"something else")
    with pytest.raises(UnreadableLatents, match="changed"):
        conditioner.latents(asked)
    with pytest.raises(UnreadableLatents, match="damaged"):
        conditioner.latents(Voice((from_file(file, "a"),)))


def test_odd_rates_are_heard_too() -> None:
    """44 056 Hz and 22 050 Hz share no divisor but 2: torchaudio's filters for them would take gigabytes."""
    odd = at_model_rate(Clip(voiced(1, 44_056)[:, 0], 44_056))
    usual = at_model_rate(Clip(voiced(1, 44_100)[:, 0], 44_100))
    assert odd.shape == usual.shape
    assert odd.dtype == torch.float32
    spectra = [torch.fft.rfft(audio[0]).abs().argmax().item() for audio in (odd, usual)]
    assert abs(spectra[0] - spectra[1]) <= 1


def test_samples_beyond_full_scale_are_clipped() -> None:
    audio = at_model_rate(Clip(voiced(1, 44_100)[:, 0] * 50, 44_100))
    assert audio.abs().max() == 1


def test_numbers_that_are_none_are_an_engine_failure(tmp_path: Path, model: Model) -> None:
    class Broken(_WithConfig):
        def speaker_embedding(self, audio: torch.Tensor) -> torch.Tensor:
            return torch.full((1, 512, 1), torch.nan)

    cache = LatentsCache(tmp_path, latent_shapes(model))
    broken = Conditioner(Broken(model, model.config), checkpoint="demo", cache=cache)
    with pytest.raises(EngineFailure):
        broken.latents(voice(DEFAULT_VOICE / "neutral.flac"))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_clip_and_a_speaker_blend(tmp_path: Path, conditioner: Conditioner) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(0.5, 22_050), 22_050)
    speaker = conditioner.speakers[0]
    both = conditioner.latents(Voice((reference(clip, 3), Reference(speaker=speaker))))
    one, other = conditioner.latents(voice(clip)), conditioner.latents(Voice.of_speaker(speaker))
    torch.testing.assert_close(both.gpt_cond_latent, 0.75 * one.gpt_cond_latent + 0.25 * other.gpt_cond_latent)


def test_what_is_not_to_be_kept_leaves_no_file(tmp_path: Path, model: Model) -> None:
    clip = write_clip(tmp_path / "clip.wav", voiced(0.5, 22_050), 22_050)
    found: list[str] = []
    cache = LatentsCache(tmp_path / "latents", latent_shapes(model), count=found.append)
    conditioner = Conditioner(model, checkpoint="demo", cache=cache)
    passing = Voice((dataclasses.replace(reference(clip), kept=False),))
    conditioner.latents(passing)
    conditioner.latents(passing)
    assert found == ["miss", "memory"]
    assert not list(tmp_path.rglob("*.safetensors"))
