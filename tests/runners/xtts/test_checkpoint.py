"""What is loaded of a checkpoint, and what is refused; see test_layouts.py for how people have them."""

import gc
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from TTS.tts.models.xtts import Xtts

from runners.checkpoint.look import look_at
from runners.errors import ConfigurationError
from runners.xtts.build import build_decoder
from runners.xtts.checkpoint import load_checkpoint
from runners.xtts.identity import checkpoint_identity
from runners.xtts.model import Model
from runners.xtts.precision import choose_precision
from tests import checkpoints
from tests.checkpoints import traces

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
NOBODY = 65534
LOAD = f"""
import os, sys, torch
from pathlib import Path
from runners.checkpoint.look import look_at
from runners.xtts.checkpoint import load_checkpoint
from runners.xtts.identity import checkpoint_identity
from runners.xtts.model import Model

def load(folder):
    checkpoint = look_at(Path(folder))
    load_checkpoint(checkpoint, torch.device("cpu"))
    return checkpoint_identity(checkpoint)

load(sys.argv[1])  # all that is imported on the way may lie where only root may read
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
print(load(sys.argv[2]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tuned"
    folder.mkdir()
    return folder


def test_config_reaches_upstream(hum: Path, xtts: Xtts, model: Model) -> None:
    assert model.args == xtts.args
    for name in ("languages", "temperature", "top_k", "top_p", "repetition_penalty", "gpt_cond_len", "max_ref_len"):
        assert getattr(model.config, name) == getattr(xtts.config, name)
    for name, voice in xtts.speaker_manager.speakers.items():
        ours = model.speakers[name]
        assert all(torch.equal(ours[part], tensor) for part, tensor in voice.items())


@pytest.mark.parametrize("name", ["fp32", "auto"])
def test_the_engine_keeps_nothing_of_the_file(hum: Path, folder: Path, name: str) -> None:
    checkpoints.copy(hum, folder)
    model = load_checkpoint(look_at(folder), CPU)
    assert str(folder) in Path("/proc/self/maps").read_text()
    decoder = build_decoder(model.gpt, 1, choose_precision(name, CPU, model.gpt.blocks[0]))
    gc.collect()
    assert str(folder) not in Path("/proc/self/maps").read_text()
    assert decoder.slots == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("gpt.gpt.h.1.mlp.c_fc.bias"), "lacks gpt.gpt.h.1.mlp.c_fc.bias: it is not whole"),
        (lambda state: state.update({"gpt.new.weight": torch.ones(1)}), "has, and XTTS-v2 has not, gpt.new.weight"),
        (lambda state: state.update({"gpt.final_norm.bias": torch.ones(3)}), r"gpt.final_norm.bias is \[3\], and not"),
    ],
)
def test_tensors_that_are_not_upstreams(hum: Path, folder: Path, change, message: str) -> None:
    checkpoints.copy(hum, folder)
    tensors = checkpoints.weights(hum)
    change(tensors)
    torch.save({"model": tensors}, folder / "model.pth")
    with pytest.raises(ConfigurationError, match=rf"^XTTS_MODEL: {folder}: model.pth:? {message}"):
        load_checkpoint(look_at(folder), CPU)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that root may not write to either, where mounts can be made."""
    source, target = tmp_path / "source", Path(tempfile.mkdtemp())
    source.mkdir()
    target.chmod(0o755)
    mount = subprocess.run(["mount", "--bind", source, target], capture_output=True)
    if mount.returncode:
        pytest.skip("takes the right to mount")
    subprocess.run(["mount", "-o", "remount,ro,bind", target], check=True)
    yield target
    subprocess.run(["umount", target], check=True)
    target.rmdir()


def test_two_strangers_at_once_on_a_read_only_mount(hum: Path, tmp_path: Path, read_only: Path) -> None:
    """The official layout, which upstream's own loading writes to, as a user who owns nothing of it."""
    source = tmp_path / "source"
    checkpoints.official(hum, source)
    before = traces(source)
    command = [sys.executable, "-c", LOAD, hum, read_only]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    answers = {process.communicate(timeout=600)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert answers == {f"{checkpoint_identity(look_at(hum))}\n".encode()}
    assert traces(source) == before
