"""What every benchmark is told: how long it may take, where results go, where checkpoints are kept."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
QUICK_RESULTS = ROOT / "output" / "benchmarks"  # which git ignores


@dataclass(frozen=True, slots=True)
class Options:
    quick: bool  # fewer repeats, codes and rows, the same columns; the README is left alone
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

    @property
    def readme(self) -> Path | None:
        """Whose table the results replace, if any."""
        ours = self.out.resolve() == RESULTS == self.measured.resolve()
        return README if ours and not self.quick else None
