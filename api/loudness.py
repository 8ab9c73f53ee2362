"""How loud a voice is, in LUFS: what a stream's and a job's gain is reckoned from. Each is measured by a few words."""

import asyncio
import dataclasses
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from api.audio.edges import Samples
from api.audio.mastering import loudness_of
from runners.types import Utterance

WORDS: Final = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."  # are read out in every language
SEED: Final = 0
MOST: Final = 1000  # voices that are remembered

Say = Callable[[Utterance], Awaitable[Sequence[Samples]]]


class VoiceLoudness:
    """What comes out depends on the voice, its language and its speed, never on what was synthesized before."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._known: OrderedDict[tuple[Utterance, int], float | None] = OrderedDict()

    async def of(self, utterances: Iterable[Utterance], rate: int, to: int) -> float | None:
        """At the rate `to`: the mean of several voices. One that cannot be measured counts for nothing; None: none can.

        Raises SpeechError.
        """
        samples = dict.fromkeys(
            dataclasses.replace(each, text=WORDS, seed=SEED, brief_start=False) for each in utterances if each.text
        )
        measured = [found for each in samples if (found := await self._measured(each, rate, to)) is not None]
        if not measured:
            return None
        return 10 * math.log10(sum(10 ** (each / 10) for each in measured) / len(measured))

    async def _measured(self, words: Utterance, rate: int, to: int) -> float | None:
        key = words, to
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(loudness_of, await self._say(words), rate, to)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return self._known[key]
