"""`python -m training [STEP ...] [--work FOLDER]`: makes the demo voice, or the named steps of it, in this order."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import torch

from training.codebook import train_codebook
from training.corpus import make_corpus
from training.export import export
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
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"{', '.join(STEPS)}; none means all")
    parser.add_argument("--threads", type=int, help="of the CPU (torch's own choice)")
    for field in fields(Plan):
        name = field.name.replace("_", "-")
        kind = int if field.type is int else Path
        if field.name == "work":
            parser.add_argument("--work", type=Path, default=Path("build/training"), help="(build/training)")
        else:
            parser.add_argument(f"--{name}", type=kind, default=field.default, help=f"({field.default})")
    asked = parser.parse_args()
    if unknown := set(asked.steps) - set(STEPS):
        parser.error(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    if asked.threads:
        torch.set_num_threads(asked.threads)
    plan = Plan(**{field.name: getattr(asked, field.name) for field in fields(Plan)})
    plan.work.mkdir(parents=True, exist_ok=True)
    for name in asked.steps or STEPS:
        STEPS[name](plan)


if __name__ == "__main__":
    main()
