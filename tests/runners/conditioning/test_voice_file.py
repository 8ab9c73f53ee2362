"""A latents file comes back as it went, and nothing that is not one is taken for one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from runners.conditioning.voice_file import FORMAT, LARGEST, StyleLatents, VoiceLatents, safetensors_metadata
from runners.errors import UnreadableLatents

ROOT = Path(__file__).parents[3]
STYLES = st.lists(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True), min_size=1, max_size=5, unique=True)


def some(seed: int = 0) -> StyleLatents:
    random = np.random.default_rng(seed)
    return StyleLatents(
        random.normal(size=(1, 32, 16)).astype(np.float32), random.normal(size=(1, 8, 1)).astype(np.float32)
    )


def packed(metadata: dict[str, str] | None = None, **tensors: Any) -> bytes:
    """A file with style `a`, but for what the arguments make of it; None leaves out."""
    said = {"format": FORMAT, "checkpoint": "one", "model": "m", "styles": '["a"]', "settings": "{}"} | (metadata or {})
    held = {"a.gpt_cond_latent": some().gpt_cond_latent, "a.speaker_embedding": some().speaker_embedding}
    held |= {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return save(
        {name: tensor for name, tensor in held.items() if tensor is not None},
        metadata={name: value for name, value in said.items() if value is not None},
    )


@given(styles=STYLES, model=st.text(max_size=20), own=st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_round_trip(styles: list[str], model: str, own: str) -> None:
    sent = VoiceLatents("identity", model, {style: some(seed) for seed, style in enumerate(styles)}, json.dumps(own))
    got = VoiceLatents.unpack(sent.pack())
    assert (got.checkpoint, got.model, got.settings) == (sent.checkpoint, sent.model, sent.settings)
    assert list(got.styles) == styles  # in their order: sums of floats depend on it
    for style in styles:
        assert np.array_equal(got.styles[style].gpt_cond_latent, sent.styles[style].gpt_cond_latent)
        assert np.array_equal(got.styles[style].speaker_embedding, sent.styles[style].speaker_embedding)


def test_any_tool_can_read_its_metadata() -> None:
    assert safetensors_metadata(packed())["checkpoint"] == "one"
    assert safetensors_metadata(save({"x": np.zeros(1, np.float32)})) == {}
    assert list(VoiceLatents.unpack(packed()).styles) == ["a"]


NAN = np.full((1, 32, 16), np.nan, np.float32)
BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "damaged"),
    "words": (b"these are words, no numbers" * 50, "damaged"),
    "cut": (packed()[:-8], "damaged"),
    "too large": (bytes(LARGEST + 1), "bytes"),
    "no metadata": (save({"a.gpt_cond_latent": NAN}), "format"),
    "another format": (packed({"format": "xtts-latents-1"}), "format"),
    "no checkpoint": (packed({"checkpoint": None}), "checkpoint"),
    "no settings": (packed({"settings": None}), "settings"),
    "endless settings": (packed({"settings": "x" * 2**17}), "settings"),
    "styles no JSON": (packed({"styles": "a"}), "damaged"),
    "styles no list": (packed({"styles": '{"a": 1}'}), "styles"),
    "styles no names": (packed({"styles": "[1]"}), "styles"),
    "no styles": (packed({"styles": "[]"}, a__gpt_cond_latent=None, a__speaker_embedding=None, x=NAN), "styles"),
    "styles nested": (packed({"styles": "[" * 100_000}), "damaged"),
    "many styles": (packed({"styles": json.dumps([str(n) for n in range(65)])}), "styles"),
    "a style twice": (packed({"styles": '["a", "a"]'}), "two tensors"),
    "a tensor too few": (packed(a__speaker_embedding=None), "two tensors"),
    "a tensor too many": (packed(b__speaker_embedding=some().speaker_embedding), "two tensors"),
    "half precision": (packed(a__gpt_cond_latent=some().gpt_cond_latent.astype(np.float16)), "float16"),
    "whole numbers": (packed(a__gpt_cond_latent=np.zeros((1, 32, 16), np.int32)), "int32"),
    "NaN": (packed(a__gpt_cond_latent=NAN), "NaN"),
    "huge values": (packed(a__gpt_cond_latent=np.full((1, 32, 16), 3e38, np.float32)), "over 1000"),
    "huge negative values": (packed(a__speaker_embedding=np.full((1, 8, 1), -1001, np.float32)), "over 1000"),
    "infinity": (packed(a__speaker_embedding=np.full((1, 8, 1), np.inf, np.float32)), "infinity"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_latents_file_is_refused(kind: str) -> None:
    raw, reason = BROKEN[kind]
    with pytest.raises(UnreadableLatents, match=reason):
        VoiceLatents.unpack(raw)


@given(st.integers(0, len(packed()) - 1), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_a_flipped_byte_is_refused_or_harmless(at: int, flip: int) -> None:
    raw = bytearray(packed())
    raw[at] ^= flip
    try:
        got = VoiceLatents.unpack(bytes(raw))
    except UnreadableLatents:
        return
    for latents in got.styles.values():
        assert np.isfinite(latents.gpt_cond_latent).all()
        assert np.isfinite(latents.speaker_embedding).all()


def test_it_needs_no_torch() -> None:
    script = "import sys, runners.conditioning.voice_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_equal_latents_are_equal_files() -> None:
    latents = StyleLatents(np.ones((1, 32, 4), np.float32), np.ones((1, 8, 1), np.float32))
    packed = {VoiceLatents("identity", "model", {"calm": latents, "glad": latents}).pack() for _ in range(20)}
    assert len(packed) == 1
    assert list(VoiceLatents.unpack(packed.pop()).styles) == ["calm", "glad"]
