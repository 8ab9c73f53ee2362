"""Checkpoints in every layout that people have: the same model comes of them, and they stay as they are."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from TTS.tts.models.xtts import Xtts

from runners.checkpoint.look import look_at
from runners.xtts.checkpoint import load_checkpoint
from runners.xtts.identity import checkpoint_identity
from tests.checkpoints import LAYOUTS, traces

KINDS = {
    "official": "upstream's, its config an object",
    "dump": "a trainer's dump",
    "bare": "a state dict",
    "safetensors": "safetensors",
}
OTHER_TENSORS = ("half", "6153 text tokens", "7767 text tokens", "own language")


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    folder: Path


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request: pytest.FixtureRequest, hum: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    folder = tmp_path_factory.mktemp("layout")
    LAYOUTS[request.param](hum, folder)
    yield Layout(request.param, folder)
    shutil.rmtree(folder)


def sizes(config: dict[str, Any]) -> dict[str, Any]:
    return {name: size for name, size in config["model_args"].items() if name != "gpt_number_text_tokens"}


def test_look(layout: Layout, hum: Path) -> None:
    plain, checkpoint = look_at(hum), look_at(layout.folder)
    assert checkpoint.layout == KINDS.get(layout.name, "upstream's")
    assert checkpoint.tensors.keys() == plain.tensors.keys()
    assert sizes(checkpoint.config) == sizes(plain.config)
    assert checkpoint.speakers.keys() == (set() if layout.name == "without speakers" else plain.speakers.keys())
    assert checkpoint.languages == (*plain.languages, *(("vi",) if layout.name == "own language" else ()))


def test_identity(layout: Layout, hum: Path) -> None:
    is_same = checkpoint_identity(look_at(layout.folder)) == checkpoint_identity(look_at(hum))
    assert is_same == (layout.name not in OTHER_TENSORS)


def test_load(layout: Layout, xtts: Xtts) -> None:
    before = traces(layout.folder)
    loaded = load_checkpoint(look_at(layout.folder), torch.device("cpu"))
    assert traces(layout.folder) == before
    ours, theirs = loaded.state_dict(), xtts.state_dict()
    only_for_decoding = ("gpt.gpt_inference.", "gpt.gpt.wte.")  # what upstream adds after loading
    assert ours.keys() == {name for name in theirs if not name.startswith(only_for_decoding)}
    assert [name for name in ours if not same(ours[name], theirs[name], layout)] == []
    buffers, upstreams = dict(loaded.named_buffers()), dict(xtts.named_buffers())  # those that are in no file, too
    assert buffers.keys() == {name for name in upstreams if ".attn.bias" not in name}
    assert [name for name in buffers if not same(buffers[name], upstreams[name], layout)] == []
    assert not any(parameter.is_meta for parameter in loaded.parameters())
    speakers = {} if layout.name == "without speakers" else xtts.speaker_manager.speakers
    assert loaded.speakers.keys() == speakers.keys()


def same(ours: Tensor, theirs: Tensor, layout: Layout) -> bool:
    if layout.name == "half" and theirs.is_floating_point():
        theirs = theirs.half().float()
    if layout.name in OTHER_TENSORS and ours.dim():  # a larger vocabulary
        ours = ours[: len(theirs)]
    return torch.equal(ours, theirs)
