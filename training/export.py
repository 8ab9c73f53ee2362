"""Puts what was trained into a folder in XTTS-v2's own layout: config.json, model.pth, vocab.json, speakers_xtts.pth.

The vocoder and the speaker encoder are narrower than upstream's, whose widths are fixed. Here they are widened by
channels that are always zero: the same function in upstream's shapes.
"""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.demo.checkpoint import checkpoint_config
from runners.demo.vocabulary import write_vocabulary
from training.features import MEL_SCALE
from training.hifigan import as_hifigan
from training.model import HEADS, LAYERS, WIDTH, is_trained
from training.plan import KEPT, Plan
from training.runs import keep

_SAMPLING = {"temperature": 0.6, "top_k": 50, "top_p": 0.85, "repetition_penalty": 1.0}


def widened(name: str, narrow: Tensor, shape: torch.Size) -> Tensor:
    """`narrow` in the first channels of a tensor of `shape`; the others change nothing."""
    if name.endswith(("running_var", "parametrizations.weight.original1")):
        wide = torch.ones(shape)  # a direction may not be zero: its norm is
    else:
        wide = torch.zeros(shape)
    if name == "fc.weight":  # of the speaker encoder: means, then deviations
        half, mine = shape[1] // 2, narrow.shape[1] // 2
        wide[:, :mine], wide[:, half : half + mine] = narrow[:, :mine], narrow[:, mine:]
        return wide
    corner = tuple(slice(size) for size in narrow.shape)
    if name.endswith("parametrizations.weight.original1"):
        wide[tuple(slice(size) for size in narrow.shape[:1])] = 0
    wide[corner] = narrow
    return wide


def folded(vocoder: dict[str, Tensor], teller: dict[str, Tensor]) -> dict[str, Tensor]:
    """The vocoder, reading latents: what the teller makes of them goes into its first convolution."""
    weight, bias = vocoder["conv_pre.weight"], vocoder["conv_pre.bias"]
    return vocoder | {
        "conv_pre.weight": torch.einsum("otk,tl->olk", weight, teller["weight"]),
        "conv_pre.bias": bias + (weight.sum(2) @ teller["bias"]),
    }


def weights(xtts: Xtts, state: dict[str, Any]) -> dict[str, Tensor]:
    """All tensors of `xtts`, under upstream's names. `state`: gpt, vocoder and encoder."""
    trained = {f"gpt.{name}": tensor for name, tensor in state["gpt"].items() if not name.startswith("text_head")}
    trained["mel_stats"] = torch.full((80,), MEL_SCALE)
    for stem, tensors in (("waveform_decoder", as_hifigan(state["vocoder"])), ("speaker_encoder", state["encoder"])):
        trained |= {f"hifigan_decoder.{stem}.{name}": tensor for name, tensor in tensors.items()}
    result = {}
    for name, tensor in xtts.state_dict().items():
        if name not in trained:
            result[name] = torch.zeros_like(tensor) if name.startswith("gpt.text_head") else tensor
        elif name.startswith("hifigan_decoder") and tensor.ndim:
            result[name] = widened(name.split(".", 2)[2], trained[name], tensor.shape)
        else:
            result[name] = trained[name].to(tensor.dtype).reshape(tensor.shape)
    return result


def config(tokens: dict[str, int]) -> dict[str, object]:
    return checkpoint_config(tokens, layers=LAYERS, width=WIDTH, heads=HEADS, text_tokens=len(tokens)) | _SAMPLING


def write(folder: Path, state: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    tokens = write_vocabulary(folder / "vocab.json", pairs=())
    (folder / "config.json").write_text(json.dumps(config(tokens), indent=4), encoding="utf-8")
    upstream = XttsConfig()
    upstream.load_json(str(folder / "config.json"))
    model = weights(Xtts(upstream), state)
    torch.save({"model": model}, folder / "model.pth")
    torch.save({}, folder / "speakers_xtts.pth")


def export(plan: Plan) -> None:
    """Into `checkpoint/`: with the vocoder as it was tuned, or, until it was, as it was trained."""
    gpt, speaker = (_load(plan.work / name) for name in ("gpt.pt", "speaker.pt"))
    tuned = plan.work / "tuned.pt"
    if tuned.exists():
        vocoder = _load(tuned)["vocoder"]
    else:
        vocoder = folded(_load(plan.work / "vocoder.pt")["vocoder"], gpt["teller"])
    write(plan.work / "checkpoint", {"gpt": gpt["gpt"], "vocoder": vocoder, "encoder": speaker["encoder"]})


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def keep_all(plan: Plan) -> None:
    """What another run can go on from, for the repository."""
    KEPT.mkdir(exist_ok=True)
    shutil.copy(plan.work / "codebook.safetensors", KEPT)
    for path in (plan.work / f"{name}.pt" for name in ("gpt", "speaker", "vocoder", "tuned")):
        if path.exists():
            keep(path, KEPT, is_trained)
