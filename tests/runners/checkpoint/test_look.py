"""Every layout that people have is recognised or refused in one sentence, by its indexes alone."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from runners.checkpoint.look import Checkpoint, look_at
from runners.errors import ConfigurationError
from tests import checkpoints
from tests.checkpoints import Maker, change_config, copy, weights

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tuned"
    folder.mkdir()
    return folder


def made(make: Maker, plain: Path, folder: Path) -> Checkpoint:
    make(plain, folder)
    return look_at(folder)


def refused(path: Path) -> str:
    """The message, which is one line and names the folder."""
    with pytest.raises(ConfigurationError) as caught:
        look_at(path)
    message = str(caught.value)
    assert message.startswith(f"XTTS_MODEL: {path if path.is_dir() else path.parent}: ")
    assert "\n" not in message
    assert len(message) < 400
    return message.partition(": ")[2].partition(": ")[2]


def test_what_a_dump_holds_besides(hum: Path, folder: Path) -> None:
    checkpoint = made(checkpoints.dump, hum, folder)
    model = sum(info.size for info in checkpoint.tensors.values())
    assert 2 * model < checkpoint.left_out < 2.1 * model
    assert look_at(hum).left_out == 0


def test_precision_and_languages(hum: Path, folder: Path) -> None:
    assert look_at(hum).precisions == ["float32"]
    assert made(checkpoints.half, hum, folder).precisions == ["float16"]
    plain = look_at(hum).languages
    (folder / "config.json").write_text('{"model": "xtts"}')
    assert look_at(folder).languages == plain  # all of upstream's that the vocabulary has tags for


def test_weights_that_are_named(hum: Path, folder: Path) -> None:
    checkpoints.best_model(hum, folder)
    (folder / "best_model.pth").write_bytes(b"")
    named = "there are several files of weights, best_model.pth, best_model_46428.pth: let XTTS_MODEL name one of them."
    assert refused(folder) == named
    assert look_at(folder / "best_model_46428.pth").weights == "best_model_46428.pth"
    assert refused(folder / "best_model.pth") == "best_model.pth is empty."


def test_no_torch_is_needed(hum: Path) -> None:
    code = "import sys; from pathlib import Path; from runners.checkpoint.look import look_at;"
    code += "look_at(Path(sys.argv[1])); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, hum], cwd=ROOT, check=True)


def cut(at: float) -> Maker:
    def make(_: Path, folder: Path) -> None:
        model = folder / "model.pth"
        model.write_bytes(model.read_bytes()[: int(model.stat().st_size * at)])

    return make


def written(name: str, content: bytes) -> Maker:
    return lambda _, folder: (folder / name).write_bytes(content) and None


def renamed(name: str, to: str) -> Maker:
    return lambda _, folder: (folder / name).rename(folder / to) and None


def without(name: str) -> Maker:
    return lambda _, folder: (folder / name).unlink()


def configured(change: Callable[[dict[str, Any]], object]) -> Maker:
    return lambda _, folder: change_config(folder, change)


def argued(**args: object) -> Maker:
    return configured(lambda content: content["model_args"].update(args))


def smaller_vocabulary(_: Path, folder: Path) -> None:
    path = folder / "vocab.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"].popitem()
    path.write_text(json.dumps(content))


def split(plain: Path, folder: Path) -> None:
    (folder / "model.pth").unlink()
    state = {name.replace("gpt.gpt", "gpt"): tensor for name, tensor in weights(plain).items()}
    save_file({name: t.contiguous() for name, t in state.items() if "gpt" in name}, folder / "gpt2_model.safetensors")
    save_file({name: t.contiguous() for name, t in state.items() if "gpt" not in name}, folder / "xtts-v2.safetensors")


def vocoder_alone(plain: Path, folder: Path) -> None:
    (folder / "model.pth").unlink()
    state = {name: t.contiguous() for name, t in weights(plain).items() if name.startswith("hifigan_decoder")}
    save_file(state, folder / "xtts-v2.safetensors")


def another_model(_: Path, folder: Path) -> None:
    torch.save({"model": {"encoder.weight": torch.zeros(3, 3)}}, folder / "model.pth")


def first_version(plain: Path, folder: Path) -> None:
    state = {name: tensor for name, tensor in weights(plain).items() if "conditioning_perceiver" not in name}
    torch.save({"model": state | {"gpt.prompt_embedding.weight": torch.zeros(8, 8)}}, folder / "model.pth")


def narrow_voice(_: Path, folder: Path) -> None:
    voice = {"gpt_cond_latent": torch.zeros(1, 32, 7), "speaker_embedding": torch.zeros(1, 512, 1)}
    torch.save({"Ann": voice}, folder / "speakers_xtts.pth")


def compressed(_: Path, folder: Path) -> None:
    torch.save({"model": {}}, folder / "model.pth")
    with zipfile.ZipFile(folder / "model.pth") as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(folder / "model.pth", "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1867929118\n"
PAGE = b"\n<!DOCTYPE html><html><head><title>Sign in</title>"
REFUSALS: dict[str, tuple[Maker, str]] = {
    "pointer": (written("model.pth", POINTER), "model.pth is a Git LFS pointer, .*git lfs pull"),
    "page": (written("model.pth", PAGE), "model.pth is a web page, .*/resolve/"),
    "page for a config": (written("config.json", PAGE), "config.json is a web page"),
    "pointer for a vocabulary": (written("vocab.json", POINTER), "vocab.json is a Git LFS pointer"),
    "empty": (written("model.pth", b""), "model.pth is empty"),
    "text": (written("model.pth", b"see the other folder"), "model.pth is none of PyTorch's files, nor safetensors"),
    "half": (cut(0.5), "model.pth is cut off or damaged: copy or download it again"),
    "no directory": (cut(0.9999), "model.pth is cut off or damaged: copy or download it again"),
    "compressed": (compressed, "model.pth is a compressed archive"),
    "vocab.json_": (renamed("vocab.json", "vocab.json_"), "there is no vocab.json. There is vocab.json_: .* name it"),
    "tokenizer": (renamed("vocab.json", "tokenizer.json"), "there is no vocab.json. There is tokenizer.json"),
    "no config": (without("config.json"), "there is no config.json.$"),
    "no weights": (without("model.pth"), "there is no model.pth, nor another file of weights"),
    "split": (split, r"split into gpt2_model.safetensors, xtts-v2.safetensors by another program"),
    "part": (vocoder_alone, "xtts-v2.safetensors has no GPT by upstream's names: another program has split or renamed"),
    "another model": (another_model, "model.pth holds no model of XTTS, but encoder.weight and the like"),
    "first version": (first_version, "model.pth is XTTS v1, .* use XTTS v2"),
    "vocabulary": (smaller_vocabulary, r"model.pth holds \d+ text tokens, vocab.json \d+: they are not of the same"),
    "layers": (argued(gpt_layers=30), "model.pth has 2 for gpt_layers, config.json 30"),
    "width": (argued(gpt_n_model_channels=1024), r"model.pth has \d+ for gpt_n_model_channels, config.json 1024"),
    "codes": (argued(gpt_num_audio_tokens=8194), "model.pth has 1026 for gpt_num_audio_tokens, config.json 8194"),
    "heads": (argued(gpt_n_heads=7), r"config.json: 7 heads \(gpt_n_heads\) do not divide the width"),
    "mark": (argued(gpt_stop_audio_token=8193), "config.json: gpt_stop_audio_token is 8193, and model.pth has 1026"),
    "type": (argued(gpt_layers="30"), 'config.json: model_args.gpt_layers must be a whole number, not "30"'),
    "infinity": (argued(gpt_layers=float("inf")), "config.json: model_args.gpt_layers must be a whole number, not Inf"),
    "deep": (written("config.json", b"[" * 100_000), "config.json is not JSON"),
    "setting": (configured(lambda c: c.update(top_p="high")), 'config.json: top_p must be a number, not "high"'),
    "languages": (configured(lambda c: c.update(languages=[1])), "config.json: languages must be a list of codes"),
    "no languages": (configured(lambda c: c.update(languages=[])), "config.json names no languages"),
    "tag": (
        configured(lambda c: c["languages"].append("vi")),
        r"lists vi .* vocab.json has no \[vi\]: take it off",
    ),
    "no JSON": (written("config.json", b"{ junk"), "config.json is not JSON"),
    "a list": (written("config.json", b"[]"), "config.json is not a model's"),
    "no vocabulary": (written("vocab.json", b"{}"), "vocab.json is not a vocabulary"),
    "another vocabulary": (written("vocab.json", b'{"model": {"vocab": {"a": 0}}}'), r"vocab.json has no \[START\]"),
    "speakers": (written("speakers_xtts.pth", PAGE), "speakers_xtts.pth is a web page"),
    "no speakers": (another_model, "holds no model"),
    "narrow speakers": (narrow_voice, "speakers_xtts.pth: the voice Ann is 7 wide, the model .*: remove the file"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_refusals(hum: Path, folder: Path, fault: str) -> None:
    make, message = REFUSALS[fault]
    copy(hum, folder)
    make(hum, folder)
    assert re.search(message, refused(folder))


@pytest.mark.parametrize("archive", [True, False])
def test_nothing_in_a_pickle_runs(hum: Path, folder: Path, archive: bool) -> None:
    marker = folder.parent / "ran"
    checkpoints.malicious(hum, folder, marker, archive=archive)
    assert refused(folder) == (
        "model.pth asks for posix.mkdir, which no checkpoint of XTTS needs: it may be made to run a program."
        " Do not use it."
    )
    assert not marker.exists()
