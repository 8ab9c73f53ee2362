"""The demo voice's weights, as `training/` keeps them in half precision, made a checkpoint."""

from collections import defaultdict
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from runners.demo import WEIGHTS
from runners.demo.layout import Parts, folded, write


def write_demo(folder: Path) -> None:
    """Writes the four files of a checkpoint into `folder`, which exists. The same each time."""
    gpt, speaker, speakers = (_read(WEIGHTS / f"{name}.safetensors") for name in ("gpt", "speaker", "speakers"))
    tuned = WEIGHTS / "tuned.safetensors"  # the vocoder on the GPT's latents; until there is one, through the teller
    if tuned.exists():
        vocoder = _read(tuned)["vocoder"]
    else:
        vocoder = folded(_read(WEIGHTS / "vocoder.safetensors")["vocoder"], gpt["teller"])
    write(folder, Parts(gpt["gpt"], vocoder, speaker["encoder"], speakers))


def _read(path: Path) -> dict[str, dict[str, Tensor]]:
    """The tensors of each module or speaker, named `module/tensor` in the file."""
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in load_file(path).items():
        part, _, rest = name.partition("/")
        parts[part][rest] = tensor.float()
    return dict(parts)
