"""Puts what was trained into `checkpoint/`, and keeps it in half precision for the server to make its demo voice of."""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from runners.checkpoint.look import look_at
from runners.demo import WEIGHTS
from runners.demo.layout import Parts, folded, write
from runners.xtts.checkpoint import load_checkpoint
from training.corpus import spoken
from training.espeak import Espeak, Speaker
from training.model import is_trained
from training.plan import Plan
from training.runs import keep

SPEAKERS = {"Demo Low": Speaker("m3", 35, 50, 165), "Demo High": Speaker("f2", 60, 50, 165)}  # the built-in ones
_CLIP = "The night train left the station at ten, and nobody on the platform noticed that the last carriage was empty."


def export(plan: Plan) -> None:
    """With the vocoder as it was tuned, or, until it was, as it was trained."""
    gpt, speaker = (_load(plan.work / name) for name in ("gpt.pt", "speaker.pt"))
    tuned = plan.work / "tuned.pt"
    if tuned.exists():
        vocoder = _load(tuned)["vocoder"]
    else:
        vocoder = folded(_load(plan.work / "vocoder.pt")["vocoder"], gpt["teller"])
    folder = plan.work / "checkpoint"
    folder.mkdir(exist_ok=True)
    trained = {name: tensor for name, tensor in gpt["gpt"].items() if is_trained(name)}
    write(folder, Parts(trained, vocoder, speaker["encoder"], {}))
    write(folder, Parts(trained, vocoder, speaker["encoder"], built_in_speakers(folder)))


def built_in_speakers(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The latents of SPEAKERS by the checkpoint in `folder`, as `speakers_xtts.pth` keeps them."""
    model, espeak = load_checkpoint(look_at(folder), torch.device("cpu")), Espeak()
    speakers = {}
    for name, speaker in SPEAKERS.items():
        clip = spoken(espeak, _CLIP, "en", speaker)[None]
        speakers[name] = {
            "gpt_cond_latent": model.conditioning(clip, seconds=6, chunk_seconds=6),
            "speaker_embedding": model.speaker_embedding(clip),
        }
    return speakers


def keep_all(plan: Plan) -> None:
    """What another run can go on from, and the demo voice is made of."""
    WEIGHTS.mkdir(exist_ok=True)
    shutil.copy(plan.work / "codebook.safetensors", WEIGHTS)
    for path in (plan.work / f"{name}.pt" for name in ("gpt", "speaker", "vocoder", "tuned")):
        if path.exists():
            keep(path, WEIGHTS, is_trained)
    speakers = torch.load(plan.work / "checkpoint" / "speakers_xtts.pth", weights_only=True)
    tensors = {
        f"{name}/{key}": tensor.half().contiguous() for name, each in speakers.items() for key, tensor in each.items()
    }
    save_file(tensors, WEIGHTS / "speakers.safetensors")


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
