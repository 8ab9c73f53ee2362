"""Times the calls of methods while it is on, by standing in for them. Knows not what they do."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch


class Stopwatch:
    def __init__(self, device: torch.device) -> None:
        """On CUDA each call is waited for, before and after: it then takes as long as it says, but nothing overlaps."""
        self._wait = torch.cuda.synchronize if device.type == "cuda" else _nothing
        self.laps: dict[str, list[float]] = {}  # seconds of each call, by stage

    def total(self, stage: str) -> float:
        return sum(self.laps[stage])

    @contextmanager
    def on(self, stages: Mapping[str, tuple[object, str]]) -> Iterator[None]:
        """Time each stage's method: name of the stage to object and name of its method. The laps start afresh."""
        self.laps = {stage: [] for stage in stages}
        with ExitStack() as stack:
            for stage, (owner, method) in stages.items():
                stack.enter_context(self._standing_in(owner, method, self.laps[stage]))
            yield

    @contextmanager
    def _standing_in(self, owner: object, method: str, laps: list[float]) -> Iterator[None]:
        setattr(owner, method, self._timed(getattr(owner, method), laps))
        try:
            yield
        finally:
            delattr(owner, method)  # the class's own shows again

    def _timed(self, method: Callable[..., Any], laps: list[float]) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*arguments: Any, **named: Any) -> Any:
            self._wait()
            begun = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._wait()
                laps.append(time.perf_counter() - begun)

        return timed


def _nothing() -> None:
    pass
