"""From decoded frames to samples: windows are batched by length, started in the vocoder, and collected in order."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from runners.sequence import Sequence
from runners.xtts.vocoder import PendingAudio, Vocoder
from runners.xtts.windows import Window, next_window


class VocoderQueue:
    def __init__(self, vocoder: Vocoder) -> None:
        self._vocoder = vocoder
        self._batches: deque[tuple[list[tuple[Sequence, Window]], PendingAudio]] = deque()

    def start(self, wanted: Iterable[tuple[Sequence, int]]) -> list[tuple[Sequence, Window]]:
        """Give the vocoder windows of these sequences, the first ones first, each to deliver so many frames.

        Those of equal length share a batch. A vocoder that works at once, and keeps the decoder waiting, gets a single
        batch. Returns the windows it was given.
        """
        ready: dict[int, list[tuple[Sequence, Window]]] = defaultdict(list)
        for sequence, size in wanted:
            finished = sequence.stop_reason is not None
            window = next_window(
                sequence.vocoded,
                sequence.frames,
                size,
                self._vocoder.context,
                finished=finished,
                equal=self._vocoder.at_once > 1,
            )
            if window:
                ready[window.stop - window.start].append((sequence, window))
                if self._vocoder.at_once == 1:
                    break
        for windows in ready.values():
            for at in range(0, len(windows), self._vocoder.at_once):
                self._start(windows[at : at + self._vocoder.at_once])
        return [started for windows in ready.values() for started in windows]

    def _start(self, batch: list[tuple[Sequence, Window]]) -> None:
        frames = torch.stack([sequence.window(window.start, window.stop) for sequence, window in batch])
        speakers = torch.cat([sequence.latents.speaker_embedding for sequence, _ in batch])
        self._batches.append((batch, self._vocoder.start(frames, speakers)))
        for sequence, window in batch:
            sequence.vocoded = window.last

    def finished(self, *, wait: bool) -> Iterator[tuple[Sequence, Window, NDArray[np.float32]]]:
        """The windows whose samples are there, those of one sequence in order, without their context. `wait`: all."""
        while self._batches and (wait or self._batches[0][1].ready):
            batch, audio = self._batches.popleft()
            for (sequence, window), samples in zip(batch, audio.samples(), strict=True):
                yield sequence, window, self._without_context(window, samples)

    def _without_context(self, window: Window, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        hop = self._vocoder.hop
        return samples[(window.first - window.start) * hop : (window.last - window.start) * hop].copy()

    def clear(self) -> None:
        """Forget every window that has not been collected."""
        self._batches.clear()
