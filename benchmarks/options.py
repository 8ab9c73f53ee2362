"""What every benchmark is told: how long it may take, where results go, where checkpoints are kept."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SPEED = ROOT / "docs" / "speed.md"
KUBERNETES = ROOT / "deploy" / "kubernetes" / "README.md"
PAGES = {
    "engine": README,
    "accuracy": SPEED,
    "gpu": SPEED,
    "service": SPEED,
    "growth": SPEED,
    "loading": SPEED,
    "scale": KUBERNETES,
    "stress": SPEED,
}
RESULTS = ROOT / "benchmarks" / "results"
QUICK_RESULTS = ROOT / "output" / "benchmarks"  # which git ignores


@dataclass(frozen=True, slots=True)
class Options:
    quick: bool  # fewer repeats, codes and rows, the same columns; no page is changed
    out: Path  # where the results go
    cache: Path  # where checkpoints are kept from one run to the next
    precisions: tuple[str, ...] = ()  # XTTS_PRECISION, each a variant; none: what the benchmark takes by itself
    measured: Path = RESULTS  # what the engine and growth benchmarks have found, here or elsewhere; for scale
    price: float = 0.1  # dollars for an hour of a replica; for scale
    peak: float = 1.4  # requests a second in the busiest hour; for scale

    @property
    def precision(self) -> str:
        """Of a benchmark that measures one."""
        return self.precisions[0] if self.precisions else "auto"

    def page(self, name: str) -> Path | None:
        """The page whose table the results of this benchmark replace, if any."""
        ours = self.out.resolve() == RESULTS == self.measured.resolve()
        return PAGES[name] if ours and not self.quick else None
