"""Makers of checkpoint folders in the layouts that people have, all of the demo's tensors.

Each is given the folder of a plain checkpoint in upstream's layout and an empty one to fill.
"""

import hashlib
import json
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from TTS.config.shared_configs import BaseDatasetConfig
from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

Maker = Callable[[Path, Path], None]
TEXT_LAYERS = ("gpt.text_embedding.weight", "gpt.text_head.weight", "gpt.text_head.bias")


def weights(plain: Path) -> dict[str, Tensor]:
    return torch.load(plain / "model.pth", weights_only=True)["model"]  # type: ignore[no-any-return]


def config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = config(folder)
    change(content)
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")


def copy(plain: Path, folder: Path, *but: str) -> None:
    for path in plain.iterdir():
        if path.name not in but:
            shutil.copy(path, folder / path.name)


def traces(folder: Path) -> dict[str, tuple[str, int, int, int]]:
    """Everything of a folder that a write would change."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    stats = {path.name: path.stat() for path in (folder, *folder.iterdir())}
    return {
        name: (files.get(name, ""), stat.st_mtime_ns, stat.st_ctime_ns, stat.st_mode) for name, stat in stats.items()
    }


def official(plain: Path, folder: Path) -> None:
    """As the releases on the hub: the config pickled as an object, its classes where they were in 2023."""
    copy(plain, folder, "model.pth")
    pickled = XttsConfig(datasets=[BaseDatasetConfig(formatter="ljspeech", path="/raid/datasets")])
    pickled.load_json(str(plain / "config.json"))
    with _classes_of_2023():
        torch.save({"model": weights(plain), "config": pickled}, folder / "model.pth")
    torch.save({"decoder.0.weight": torch.zeros(4, 4)}, folder / "dvae.pth")
    torch.save(torch.zeros(80), folder / "mel_stats.pth")
    (folder / "hash.md5").write_text("10f92b55c512af7a8d39d650547a15a7")


@contextmanager
def _classes_of_2023() -> Iterator[None]:
    now = XttsArgs.__module__
    XttsArgs.__module__ = XttsAudioConfig.__module__ = "TTS.tts.models.xtts"
    try:
        yield
    finally:
        XttsArgs.__module__ = XttsAudioConfig.__module__ = now


def dump(plain: Path, folder: Path) -> None:
    """What the trainer saves: everything that it needs to go on."""
    copy(plain, folder, "model.pth")
    state = {f"xtts.{name}": tensor for name, tensor in weights(plain).items()}
    training = {
        "dvae.encoder.0.weight": torch.zeros(64, 64),
        "torch_mel_spectrogram_dvae.mel_stft.window": torch.ones(9),
    }
    moments = {
        number: {"step": torch.tensor(9.0), "exp_avg": torch.zeros_like(tensor), "exp_avg_sq": torch.zeros_like(tensor)}
        for number, tensor in enumerate(weights(plain).values())
    }
    optimizer = {"state": moments, "param_groups": [{"lr": 5e-6, "betas": (0.9, 0.96), "params": list(moments)}]}
    content = {
        "config": {**config(plain), "output_path": "/content/gdrive/MyDrive/run"},
        "model": state | training,
        "optimizer": [optimizer],
        "scheduler": [{"milestones": Counter({900_000: 1}), "gamma": 0.5, "_last_lr": [5e-6]}],
        "scaler": {"scale": 65536.0, "growth_factor": 2.0},
        "step": 46_428,
        "epoch": 4,
        "date": "March 01, 2024",
        "model_loss": {"train_loss": 2.5, "eval_loss": 2.7},
    }
    torch.save(content, folder / "model.pth")


def bare(plain: Path, folder: Path) -> None:
    """A state dict that nothing is wrapped around."""
    copy(plain, folder, "model.pth")
    torch.save(weights(plain), folder / "model.pth")


def older(plain: Path, folder: Path) -> None:
    """Before PyTorch's files were archives."""
    copy(plain, folder, "model.pth")
    torch.save({"model": weights(plain)}, folder / "model.pth", _use_new_zipfile_serialization=False)


def safetensors(plain: Path, folder: Path) -> None:
    copy(plain, folder, "model.pth")
    save_file({name: tensor.contiguous() for name, tensor in weights(plain).items()}, folder / "model.safetensors")


def best_model(plain: Path, folder: Path) -> None:
    """The trainer's best, alone, and what else there is of tensors beside it."""
    copy(plain, folder, "model.pth")
    shutil.copy(plain / "model.pth", folder / "best_model_46428.pth")
    torch.save({"decoder.0.weight": torch.zeros(4, 4)}, folder / "dvae.pth")


def best_beside_model(plain: Path, folder: Path) -> None:
    copy(plain, folder)
    (folder / "best_model_46428.pth").write_bytes(b"not looked at")


def half(plain: Path, folder: Path) -> None:
    copy(plain, folder, "model.pth")
    state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights(plain).items()}
    torch.save({"model": state}, folder / "model.pth")


def trainers_config(plain: Path, folder: Path) -> None:
    """Paths of another machine, settings of training, arguments that are missing and such that nobody knows."""
    copy(plain, folder)

    def change(content: dict[str, Any]) -> None:
        content |= {"output_path": "/content/gdrive/MyDrive/run", "datasets": [{"path": "/raid"}], "grad_clip": None}
        content |= {"lr": 5e-6, "test_sentences": [], "loss_weights": float("inf")}
        content["model_args"] |= {"tokenizer_file": "/content/vocab.json", "dvae_checkpoint": "/raid/dvae.pth"}
        for known in ("gpt_layers", "gpt_n_model_channels", "gpt_num_audio_tokens", "gpt_start_audio_token"):
            del content["model_args"][known]

    change_config(folder, change)


def byte_order_mark(plain: Path, folder: Path) -> None:
    copy(plain, folder)
    content = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(content, encoding="utf-8-sig")


def without_speakers(plain: Path, folder: Path) -> None:
    copy(plain, folder, "speakers_xtts.pth")


def after_inference(plain: Path, folder: Path) -> None:
    """Saved from a model that has spoken: what upstream makes for inference is in it a second time."""
    copy(plain, folder, "model.pth")
    state = weights(plain)
    again = {f"gpt.gpt_inference.transformer.{name.removeprefix('gpt.gpt.')}": tensor
             for name, tensor in state.items() if name.startswith("gpt.gpt.")}  # fmt: skip
    masks = {"gpt.gpt.h.0.attn.bias": torch.ones(1, 1, 8, 8), "gpt.gpt.h.0.attn.masked_bias": torch.tensor(-1e4)}
    torch.save({"model": state | again | masks}, folder / "model.pth")


def shared_buffer(plain: Path, folder: Path) -> None:
    """All in one storage, and one of the tensors with its columns first."""
    copy(plain, folder, "model.pth")
    state = weights(plain)
    floats = {name: tensor for name, tensor in state.items() if tensor.dtype == torch.float32}
    buffer = torch.cat([tensor.reshape(-1) for tensor in floats.values()])
    parts = torch.split(buffer, [tensor.numel() for tensor in floats.values()])
    state |= {name: part.view(tensor.shape) for part, (name, tensor) in zip(parts, floats.items(), strict=True)}
    state["gpt.mel_head.weight"] = state["gpt.mel_head.weight"].t().contiguous().t()
    torch.save({"model": state}, folder / "model.pth")


def text_tokens(number: int) -> Maker:
    """Another size of vocabulary, on which all agree but config.json, whose number upstream does not read."""

    def make(plain: Path, folder: Path) -> None:
        copy(plain, folder, "model.pth")
        torch.save({"model": resized(weights(plain), number)}, folder / "model.pth")
        resize_vocabulary(folder, number)

    return make


def resized(state: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    for name in TEXT_LAYERS:
        grown = torch.zeros(number, *state[name].shape[1:])
        kept = min(number, len(state[name]))
        grown[:kept] = state[name][:kept]
        state[name] = grown
    return state


def resize_vocabulary(folder: Path, number: int, *tokens: str) -> None:
    """Grows it to `number` tokens, `tokens` first."""
    path = folder / "vocab.json"
    vocabulary = json.loads(path.read_text(encoding="utf-8"))
    by_text = vocabulary["model"]["vocab"]
    names = [*tokens, *(f"[FILLER {rest}]" for rest in range(number))]
    for token in names[: number - len(by_text)]:
        by_text[token] = len(by_text)
        if token in tokens:
            special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
            vocabulary["added_tokens"].append({"id": by_text[token], "content": token, **special})
    path.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")


def own_language(plain: Path, folder: Path) -> None:
    """A fine-tune that added Vietnamese: its tag, its letters."""
    copy(plain, folder, "model.pth")
    letters = "ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"
    number = len(weights(plain)[TEXT_LAYERS[0]]) + 100
    torch.save({"model": resized(weights(plain), number)}, folder / "model.pth")
    resize_vocabulary(folder, number, "[vi]")
    path = folder / "vocab.json"
    vocabulary = json.loads(path.read_text(encoding="utf-8"))
    by_text = vocabulary["model"]["vocab"]
    for letter in letters:
        if letter not in by_text:
            filler = next(token for token in by_text if token.startswith("[FILLER"))
            by_text[letter] = by_text.pop(filler)
    path.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    change_config(folder, lambda content: content["languages"].append("vi"))


LAYOUTS: dict[str, Maker] = {
    "plain": copy,
    "official": official,
    "dump": dump,
    "bare": bare,
    "older": older,
    "safetensors": safetensors,
    "best model": best_model,
    "best beside model": best_beside_model,
    "half": half,
    "trainer's config": trainers_config,
    "byte order mark": byte_order_mark,
    "without speakers": without_speakers,
    "after inference": after_inference,
    "shared buffer": shared_buffer,
    "6153 text tokens": text_tokens(6153),
    "7767 text tokens": text_tokens(7767),
    "own language": own_language,
}


class Runs:
    """What a pickle may ask for: a call of any function."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._marker),)


def malicious(plain: Path, folder: Path, marker: Path, *, archive: bool = True) -> None:
    """Loading it by pickle makes the folder `marker`."""
    copy(plain, folder, "model.pth")
    content = {"model": weights(plain), "config": Runs(marker)}
    torch.save(content, folder / "model.pth", _use_new_zipfile_serialization=archive, pickle_module=pickle)
