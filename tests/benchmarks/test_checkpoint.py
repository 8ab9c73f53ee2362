"""The benchmark's checkpoint, small: upstream and our engine load it and decode exactly as many codes as asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from TTS.tts.models.xtts import Xtts

from benchmarks.checkpoint import FULL, SPEAKERS, bench_checkpoint
from benchmarks.engine.upstream import load_upstream
from runners.checkpoint.look import look_at
from runners.xtts.checkpoint import load_checkpoint
from tests.benchmarks.conftest import CODES, SMALL
from tests.studio import Studio, studio

TEXT = "The night train left the station at ten."


@pytest.fixture(scope="module")
def upstream(small_checkpoint: Path) -> Xtts:
    return load_upstream(small_checkpoint, torch.device("cpu"))


@pytest.fixture
def room(small_checkpoint: Path) -> Studio:
    with studio(load_checkpoint(look_at(small_checkpoint), torch.device("cpu")), slots=2) as open_studio:
        yield open_studio


def upstream_codes(model: Xtts, seed: int, **sampling: object) -> list[int]:
    torch.manual_seed(seed)
    tokens = torch.IntTensor(model.tokenizer.encode(TEXT.lower(), lang="en"))[None]
    latent = model.speaker_manager.speakers[SPEAKERS[0]]["gpt_cond_latent"]
    codes: list[int] = model.gpt.generate(cond_latents=latent, text_inputs=tokens, **sampling)[0].tolist()
    return codes


def test_it_has_the_real_ones_shape(small_checkpoint: Path):
    assert (FULL.layers, FULL.width, FULL.heads, FULL.text_tokens) == (30, 1024, 16, 6681)
    config = json.loads((small_checkpoint / "config.json").read_text())["model_args"]
    assert (config["gpt_layers"], config["gpt_n_model_channels"], config["gpt_n_heads"]) == (2, 128, 4)
    assert config["gpt_max_audio_tokens"] == 605  # room for the longest utterance, however short these are


@pytest.mark.parametrize("seed", range(5))
def test_upstream_stops_at_the_last_code_and_not_before(upstream: Xtts, seed: int):
    codes = upstream_codes(upstream, seed, do_sample=True, top_k=0, top_p=1.0, temperature=2.0)
    assert len(codes) == CODES
    assert codes[-1] == 1025


def test_the_engine_decodes_what_upstream_decodes(upstream: Xtts, room: Studio):
    expected = upstream_codes(upstream, 0, do_sample=False, repetition_penalty=5.0)
    take = room.take("en", TEXT, SPEAKERS[0])
    room.record([take])
    assert take.codes == expected
    assert len(set(expected)) > CODES // 2  # it does not turn in a circle


def test_its_sound_has_a_level(room: Studio):
    takes = [room.take("en", TEXT, speaker) for speaker in SPEAKERS]
    waves = room.record(takes)
    for wave in waves:
        assert 0.02 < np.sqrt(np.square(wave).mean()) < 0.2
    assert not np.allclose(waves[0], waves[1])  # the voices differ


def test_it_is_made_once_for_each_number_of_codes(small_checkpoint: Path):
    made = (small_checkpoint / "model.pth").stat().st_mtime_ns
    assert bench_checkpoint(small_checkpoint.parent, CODES, SMALL) == small_checkpoint
    assert (small_checkpoint / "model.pth").stat().st_mtime_ns == made
