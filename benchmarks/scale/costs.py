"""What speech costs on the machine that the other benchmarks have measured. Reads their results; measures nothing."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.xtts import CODE_SECONDS

CPU_SLOTS = 8  # what XTTS_SLOTS=auto is there


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, by how many sequences are live at once."""

    codes: int  # of a sequence
    live: tuple[int, ...]  # the concurrencies that were measured, ascending
    steps: tuple[float, ...]  # a code for each of them, the vocoder's share included
    prefills: tuple[float, ...]  # of so many texts together
    firsts: tuple[float, ...]  # measured until first audio when so many texts come together
    start: float  # of the server, to ready
    device: str

    @classmethod
    def measured(cls, results: Path) -> "Costs":
        """From engine.json and growth.json, of the same machine. Of several precisions the first, which is the default.

        Raises FileNotFoundError when one is missing.
        """
        engine = json.loads((results / "engine.json").read_text(encoding="utf-8"))
        growth = json.loads((results / "growth.json").read_text(encoding="utf-8"))
        codes = engine["plan"]["codes"]
        name = next(each["engine"] for each in engine["variants"] if each["engine"] != "upstream")
        variants = sorted((v for v in engine["variants"] if v["engine"] == name), key=lambda v: v["concurrency"])
        prefills = [median(profile["prefill"] for profile in each["profiles"]) for each in variants]
        totals = [median(take["seconds"] for take in each["takes"]) for each in variants]
        (full_size,) = (times for model, times in growth["starts"].items() if model != "demo")
        return cls(
            codes=codes,
            live=tuple(each["concurrency"] for each in variants),
            steps=tuple((total - prefill) / codes for total, prefill in zip(totals, prefills, strict=True)),
            prefills=tuple(prefills),
            firsts=tuple(median(first for take in each["takes"] for first in take["first"]) for each in variants),
            start=median(full_size),
            device=engine["hardware"]["device"],
        )

    @property
    def slots(self) -> int:
        """What XTTS_SLOTS=auto comes to, as far as it was measured."""
        return CPU_SLOTS if self.device == "cpu" else self.live[-1]

    @property
    def audio(self) -> float:
        """Seconds of speech in a sequence."""
        return self.codes * CODE_SECONDS

    @property
    def first_codes(self) -> float:
        """Codes until first audio, by what it took alone."""
        return (self.firsts[0] - self.prefills[0]) / self.steps[0]

    def step(self, live: int) -> float:
        return float(np.interp(live, self.live, self.steps))

    def prefill(self, together: int) -> float:
        return float(np.interp(together, self.live, self.prefills))

    def first(self, together: int) -> float:
        """What the simulation makes of `firsts`: how well it agrees says how far to trust it."""
        return self.prefill(together) + self.first_codes * self.step(together)
