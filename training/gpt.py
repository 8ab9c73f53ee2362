"""Trains the GPT, with its conditioning, to continue codes; and to tell of each code what it sounds like."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runners.demo.config import STOP_CODE
from runners.demo.layout import WIDTH
from runners.demo.vocabulary import write_vocabulary
from training.codebook import load_codebook
from training.examples import Batch, Examples, delayed
from training.features import TARGETS
from training.model import build_gpt, latents
from training.muon import Muon
from training.plan import Plan
from training.runs import Measures, Run, rate, set_rate

CORRUPT = 0.3  # of the codes that are fed
TOLD_WEIGHT = 1.0
PEAK_RATE = 2e-3
LONGEST_GRADIENT = 1.0


class Gpt:
    """The GPT and its teller: a linear layer from a latent to what is told of its code.

    The teller makes latents that a vocoder can be trained on apart: export.py puts it into the vocoder's first layer.
    """

    def __init__(self, plan: Plan) -> None:
        self.codebook = load_codebook(plan.work)
        self.device = torch.device(plan.device)
        torch.manual_seed(0)
        self.model = build_gpt(write_vocabulary(plan.work / "vocab.json")).to(self.device)
        self.teller = nn.Linear(WIDTH, TARGETS).to(self.device)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        hidden = torch.cat(latents(self.model, batch))
        codes = torch.cat([F.pad(example.codes, (0, 1), value=STOP_CODE) for example in batch.examples]).to(self.device)
        told = torch.cat([delayed(example.told, self.codebook.silence) for example in batch.examples])
        logits = self.model.mel_head(hidden).float()
        return {
            "code": F.cross_entropy(logits, codes),
            "told": F.mse_loss(self.teller(hidden).float(), self.codebook.normalise(told).to(self.device)),
            "right": (logits.argmax(1) == codes).float().mean(),
        }


def train_gpt(plan: Plan) -> None:
    gpt = Gpt(plan)
    held_out, examples = (Examples(shards, gpt.codebook) for shards in (plan.shards[:1], plan.shards[1:]))
    matrices = [p for name, p in gpt.model.named_parameters() if p.requires_grad and _is_for_muon(name, p)]
    chosen = {id(matrix) for matrix in matrices}
    others = [p for p in gpt.model.parameters() if p.requires_grad and id(p) not in chosen]
    muon = Muon(matrices, PEAK_RATE, plan.products)
    adam = torch.optim.AdamW([*others, *gpt.teller.parameters()], betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def advance(step: int) -> Measures:
        set_rate((muon, adam), rate(step, plan.gpt_steps, PEAK_RATE))
        batch = examples.batch(step, longest(step), corrupt=CORRUPT)
        with plan.autocast():
            losses = gpt.losses(batch)
        (losses["code"] + TOLD_WEIGHT * losses["told"]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*matrices, *others], LONGEST_GRADIENT)
        for optimizer in (muon, adam):
            optimizer.step()
            optimizer.zero_grad()
        return {name: value.detach() for name, value in losses.items()}

    @torch.no_grad()
    def examine() -> Measures:
        every = [gpt.losses(held_out.batch(-1 - k, 110, corrupt=0.0)) for k in range(4)]
        return {name: sum(float(losses[name]) for losses in every) / len(every) for name in every[0]}

    parts = {"gpt": gpt.model, "teller": gpt.teller, "muon": muon, "adam": adam}
    Run(plan.work / "gpt.pt", parts, plan.kept).train(plan.gpt_steps, advance, examine)


def _is_for_muon(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and name.startswith(("gpt.h.", "conditioning_perceiver.layers."))


def longest(step: int) -> int:
    """Codes of the longest utterance so far: short ones align first."""
    return 70 if step < 500 else 110 if step < 900 else 605
