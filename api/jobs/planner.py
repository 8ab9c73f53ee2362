"""From a job's samples to passages, by the rules of the other generate routes."""

import dataclasses
from collections.abc import Sequence

from api.jobs.schemas import LongRequest, LongSegmented, LongSimple
from api.jobs.take import Passage, Take
from api.passages import passages
from api.synthesis import Synthesis
from runners.errors import SpeechError
from runners.types import ModelCard


class Planner:
    def __init__(self, synthesis: Synthesis) -> None:
        self._synthesis = synthesis

    def check(self, request: LongRequest, model: ModelCard) -> None:
        """Raises what a sample cannot be said for, `param` being the field's path."""
        for index, take in enumerate(self.takes(request.samples, model)):
            if take.error is not None:
                if take.error.param:
                    take.error.param = f"samples.{index}.{take.error.param}"
                raise take.error

    def takes(self, samples: Sequence[LongSimple | LongSegmented], model: ModelCard) -> list[Take]:
        """One for each sample. What cannot be said is over from the start."""
        return [self._take(sample, model) for sample in samples]

    def _take(self, sample: LongSimple | LongSegmented, model: ModelCard) -> Take:
        try:
            spoken = self._synthesis.utterances(sample, sample.parts, sample.seed or 0, model)
        except SpeechError as error:
            return Take(sample, [], error=error, over=True)
        cut = [
            Passage(part, dataclasses.replace(utterance, text=text))
            for part, utterance in enumerate(spoken)
            for text in passages(utterance.text, utterance.language)
        ]
        return Take(sample, cut)
