"""From decoded frames to samples: windows are batched by size, started in the vocoder, and collected in order."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from runners.sequence import Sequence
from runners.xtts.vocoder import PendingAudio, Vocoder
from runners.xtts.windows import Window, last_size, next_window


class VocoderQueue:
    def __init__(self, vocoder: Vocoder) -> None:
        self._vocoder = vocoder
        self._batches: deque[tuple[list[tuple[Sequence, Window]], PendingAudio]] = deque()

    def start(self, wanted: Iterable[tuple[Sequence, int]]) -> list[tuple[Sequence, Window]]:
        """Give the vocoder windows of these sequences, the first ones first, each to deliver so many frames.

        Those of equal size share a batch; an utterance's last ones are no longer than they need be. A vocoder that
        works at once, and keeps the decoder waiting, gets a single window. Returns the windows it was given.
        """
        ready: dict[int, list[tuple[Sequence, Window]]] = defaultdict(list)
        for sequence, size in wanted:
            finished = sequence.stop_reason is not None
            if finished:
                left = sequence.frames - sequence.vocoded
                size = last_size(size, left, batched=self._vocoder.at_once > 1)
            window = next_window(sequence.vocoded, sequence.frames, size, self._vocoder.context, finished=finished)
            if window:
                ready[size].append((sequence, window))
                if self._vocoder.at_once == 1:
                    break
        for windows in ready.values():
            for at in range(0, len(windows), self._vocoder.at_once):
                self._start(windows[at : at + self._vocoder.at_once])
        return [started for windows in ready.values() for started in windows]

    def _start(self, batch: list[tuple[Sequence, Window]]) -> None:
        frames, spans = zip(*(self._frames(*each) for each in batch), strict=True)
        speakers = torch.cat([sequence.latents.speaker_embedding for sequence, _ in batch])
        self._batches.append((batch, self._vocoder.start(torch.stack(frames), speakers, spans)))
        for sequence, window in batch:
            sequence.vocoded = window.last

    def _frames(self, sequence: Sequence, window: Window) -> tuple[Tensor, tuple[int, int]]:
        """The window's frames with context, (size + 2 x context, dim), and which of them are the sequence's: zeros
        stand for those that it has not."""
        begin, end = window.first - self._vocoder.context, window.first + window.size + self._vocoder.context
        first, last = max(begin, 0), min(end, sequence.frames)
        frames = F.pad(sequence.window(first, last), (0, 0, first - begin, end - last))
        return frames, (first - begin, last - begin)

    def finished(self, *, wait: bool) -> Iterator[tuple[Sequence, Window, NDArray[np.float32]]]:
        """The windows whose samples are there, those of one sequence in order. `wait`: all."""
        while self._batches and (wait or self._batches[0][1].ready):
            batch, audio = self._batches.popleft()
            for (sequence, window), samples in zip(batch, audio.samples(), strict=True):
                yield sequence, window, samples[: (window.last - window.first) * self._vocoder.hop].copy()

    def clear(self) -> None:
        """Forget every window that has not been collected."""
        self._batches.clear()
