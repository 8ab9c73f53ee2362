"""A benchmark's texts as the runner takes them, and what it says of them in their order. No torch."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.texts import LANGUAGE
from runners.types import Audio, Event, PieceDone, Utterance, Voice


def utterances(texts: Sequence[str], speaker: str) -> list[Utterance]:
    """In the voice of a speaker of the checkpoint, drawn as the checkpoint says."""
    return [Utterance(text, LANGUAGE, Voice.of_speaker(speaker), seed) for seed, text in enumerate(texts)]


async def in_order(events: AsyncIterator[Event]) -> AsyncIterator[NDArray[np.float32]]:
    """The first text's samples as they come, then the second's, and so on: what comes early waits for its turn.

    Texts are short enough to be one piece each.
    """
    early: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
    done: set[int] = set()
    turn = 0
    async for event in events:
        match event:
            case Audio(utterance, _, samples):
                early[utterance].append(samples)
            case PieceDone(utterance):
                done.add(utterance)
        while True:
            for samples in early.pop(turn, ()):
                yield samples
            if turn not in done:
                break
            turn += 1
