"""From decoded frames to samples: windows are batched by length, started in the vocoder, and collected in order."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from runners.sequence import Sequence
from runners.xtts.vocoder import PendingAudio, Vocoder
from runners.xtts.windows import Window, WindowPlan

# Frames delivered by an utterance's first window (0.3 s of audio), the next ones, and all others (2.7 s). A tenth of
# the last ones' work is context; the first ones trade more of it for an early start.
WINDOW_FRAMES = (32, 64, 128, 256)


class VocoderQueue:
    def __init__(self, vocoder: Vocoder, window_frames: tuple[int, ...] = WINDOW_FRAMES) -> None:
        self._vocoder = vocoder
        self._plan = WindowPlan(window_frames, vocoder.context)
        self._batches: deque[tuple[list[tuple[Sequence, Window]], PendingAudio]] = deque()

    def start(self, sequences: Iterable[Sequence]) -> None:
        """Give the vocoder one window of every sequence that has one ready, those of equal length together."""
        ready: dict[int, list[tuple[Sequence, Window]]] = defaultdict(list)
        for sequence in sequences:
            finished = sequence.stop_reason is not None
            if window := self._plan.next(sequence.vocoded, sequence.frames, finished=finished):
                ready[window.stop - window.start].append((sequence, window))
        for windows in ready.values():
            for at in range(0, len(windows), self._vocoder.at_once):
                self._start(windows[at : at + self._vocoder.at_once])

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


def window_lengths(vocoder: Vocoder) -> list[int]:
    """Frames of the windows that the vocoder will be given, shorter ends of utterances aside."""
    return WindowPlan(WINDOW_FRAMES, vocoder.context).lengths
