"""The decode step as CUDA graphs: some 500 kernels started at once, where starting each would take longer than it runs.

One graph for each number of rows in steps of two, and for each span where attention is masked; captured at start-up.
A step replays the smallest graph that is large enough.
"""

import bisect
import logging
import time
from collections.abc import Callable

import torch
from torch import Tensor

from runners.xtts.transformer import MIN_ROWS, Transformer

SPANS = (192, 320, 512, 768)  # and the capacity: what a masked attention may read
ROWS = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384)

log = logging.getLogger(__name__)


class StepGraphs:
    """Called as the step itself is: `(rows, span)`, and returns its codes (at least `rows` of them)."""

    def __init__(self, step: Callable[[int, int], Tensor], slots: int, transformer: Transformer) -> None:
        """`step` must leave vacant slots as they are: capturing runs it a few times over all of them."""
        most = max(slots, MIN_ROWS)
        self._rows = [MIN_ROWS, *(rows for rows in ROWS if rows < most), *([most] if most > MIN_ROWS else [])]
        live = getattr(transformer, "reads_live_lengths", False)
        self._spans = [*(span for span in SPANS if span < transformer.capacity and not live), transformer.capacity]
        self._graphs: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        started = time.monotonic()
        with torch.inference_mode():
            self._capture(step)
        log.info("Captured %d graphs in %.1f s", len(self._graphs), time.monotonic() - started)

    def __call__(self, rows: int, span: int) -> Tensor:
        graph, codes = self._graphs[_at_least(self._rows, rows), _at_least(self._spans, span)]
        graph.replay()
        return codes

    def _capture(self, step: Callable[[int, int], Tensor]) -> None:
        """The largest first: the smaller ones then live in its memory, for no two run at once."""
        stream, pool = torch.cuda.Stream(), None  # type: ignore[no-untyped-call]
        for rows in reversed(self._rows):
            for span in reversed(self._spans):
                stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(stream):
                    step(rows, span)  # lets libraries choose their algorithms and allocate their workspaces
                torch.cuda.current_stream().wait_stream(stream)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, pool=pool, stream=stream):
                    codes = step(rows, span)
                pool = pool or graph.pool()
                self._graphs[rows, span] = graph, codes


def _at_least(sizes: list[int], size: int) -> int:
    return sizes[bisect.bisect_left(sizes, size)]
