"""`python -m training [STEP ...] [--work FOLDER]`: makes the demo voice, or the named steps of it, in this order."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import torch

from runners.demo import WEIGHTS
from training.codebook import train_codebook
from training.corpus import make_corpus
from training.export import export, keep_all
from training.gpt import train_gpt
from training.plan import Plan
from training.speaker import train_speaker
from training.vocoder import train_vocoder, tune_vocoder

STEPS: dict[str, Callable[[Plan], None]] = {
    "corpus": make_corpus,
    "codes": train_codebook,
    "speaker": train_speaker,
    "gpt": train_gpt,
    "vocoder": train_vocoder,
    "tune": tune_vocoder,
    "export": export,
    "keep": keep_all,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"{', '.join(STEPS)}; none means all")
    parser.add_argument("--threads", type=int, help="of the CPU (torch's own choice)")
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="(build/training)")
    parser.add_argument("--sources", type=Path, default=Path("/"), help="where word lists and manuals are (/)")
    parser.add_argument("--afresh", action="store_true", help="do not go on from the weights in runners/demo/weights")
    counts = [field for field in fields(Plan) if field.name.endswith(("_steps", "shards", "_count"))]
    for field in counts:
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    asked = parser.parse_args()
    if unknown := set(asked.steps) - set(STEPS):
        parser.error(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    if asked.threads:
        torch.set_num_threads(asked.threads)
    numbers = {field.name: getattr(asked, field.name) for field in counts}
    plan = Plan(asked.work, sources=asked.sources, kept=None if asked.afresh else WEIGHTS, **numbers)
    plan.work.mkdir(parents=True, exist_ok=True)
    for name in asked.steps or STEPS:
        STEPS[name](plan)


if __name__ == "__main__":
    main()
