"""The loop of every training: resumes where it was, logs, and saves every few minutes, whole or not at all."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

SAVE_EVERY, LOG_EVERY, EXAMINE_EVERY = 120.0, 25, 200  # seconds, steps, steps
Measures = Mapping[str, Tensor | float]


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Run:
    """`parts` are what a resumed run needs: modules and optimizers by name."""

    path: Path
    parts: Mapping[str, Stateful]
    kept: Path | None = None  # a folder of weights that earlier runs came to, see `keep`

    def resume(self) -> int:
        """Fills the parts from the file, or the modules from what was kept. Returns the steps that they have had."""
        if self.path.exists():
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            return int(state["step"])
        kept = self.kept / f"{self.path.stem}.safetensors" if self.kept else None
        if kept is None or not kept.exists():
            return 0
        with safe_open(kept, "pt") as file:
            for name, part in self.parts.items():
                if isinstance(part, nn.Module):
                    mine = [key for key in file.keys() if key.startswith(f"{name}/")]  # noqa: SIM118 (not a dict)
                    found = {key.partition("/")[2]: file.get_tensor(key).float() for key in mine}
                    part.load_state_dict(part.state_dict() | found)
            return int(file.metadata()["step"])

    def save(self, step: int) -> None:
        partial = self.path.with_suffix(".partial")
        torch.save({name: part.state_dict() for name, part in self.parts.items()} | {"step": step}, partial)
        os.replace(partial, self.path)

    def train(
        self, steps: int, advance: Callable[[int], Measures], examine: Callable[[], Measures] | None = None
    ) -> None:
        """`advance(step)` takes a step; `examine()` measures what was not trained on. Both name what they saw."""
        first, sums, began, saved = self.resume(), dict[str, float](), _clocks(), time.time()
        print(f"{self.path.stem}: from step {first} to {steps}", flush=True)
        if not self.path.exists():  # what was kept is there for the other steps, even if it is not trained further
            self.save(first)
        for step in range(first, steps):
            for name, value in advance(step).items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if (step + 1) % LOG_EVERY == 0:
                means = {name: value / LOG_EVERY for name, value in sums.items()}
                spent = {name: (_clocks()[name] - began[name]) / LOG_EVERY for name in began}
                self._log(step + 1, means | spent)
                sums, began = {}, _clocks()
            if time.time() - saved > SAVE_EVERY or step + 1 == steps:
                self.save(step + 1)
                saved = time.time()
            if examine and ((step + 1) % EXAMINE_EVERY == 0 or step + 1 == steps):
                self._log(step + 1, {f"held out {name}": value for name, value in examine().items()})

    def _log(self, step: int, measures: Measures) -> None:
        told = ", ".join(f"{name} {float(value):.3f}" for name, value in measures.items())
        line = f"{time.strftime('%H:%M:%S')} {self.path.stem} step {step}: {told}"
        print(line, flush=True)
        with self.path.with_suffix(".log").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _clocks() -> dict[str, float]:
    """Apart on a machine that others use too."""
    return {"seconds": time.time(), "of the processor": time.process_time()}


def keep(path: Path, folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> None:
    """The `wanted` weights of a run's file in half precision, without what its optimizers hold."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    modules = {name: part for name, part in state.items() if isinstance(part, dict) and "param_groups" not in part}
    tensors = {
        f"{name}/{key}": tensor.half() for name, part in modules.items() for key, tensor in part.items() if wanted(key)
    }
    save_file(tensors, folder / f"{path.stem}.safetensors", {"step": str(state["step"])})


def set_rate(optimizers: tuple[torch.optim.Optimizer, ...], rate: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def rate(step: int, steps: int, peak: float, *, warm_up: int = 100, decay: float = 0.2) -> float:
    """Up in `warm_up` steps, level, and down to a fiftieth over the last `decay` of all steps."""
    left = (steps - step) / max(decay * steps, 1)
    return peak * min(1.0, (step + 1) / warm_up) * min(1.0, max(left, 0.02))
