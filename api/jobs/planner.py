"""From a job's samples to passages, by the rules of the other generate routes."""

import dataclasses
from collections.abc import Sequence

from api.jobs.passages import passages
from api.jobs.render import Passage, RenderTask
from api.jobs.schemas import LongRequest, Sample
from api.plan import Planner
from runners.errors import SpeechError
from runners.types import ModelCard


class JobPlanner:
    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def check(self, request: LongRequest, model: ModelCard) -> None:
        """Raises what a sample cannot be said for, `param` being the field's path."""
        for index, take in enumerate(self.render_tasks(request.samples, model)):
            if take.error is not None:
                raise _placed(take.error, take.sample, f"samples.{index}")

    def render_tasks(self, samples: Sequence[Sample], model: ModelCard) -> list[RenderTask]:
        """One for each sample. What cannot be said is over from the start."""
        return [self._take(sample, model) for sample in samples]

    def _take(self, sample: Sample, model: ModelCard) -> RenderTask:
        try:
            takes = self._planner.takes(sample, sample.parts, sample.seed or 0, model)
        except SpeechError as error:
            return RenderTask(sample, [], [], error=error, over=True)
        cut = [
            Passage(number, dataclasses.replace(take.utterance, text=text))
            for number, take in enumerate(takes)
            for text in passages(take.utterance.text, take.utterance.language)
        ]
        return RenderTask(sample, cut, [take.pause for take in takes])


def _placed(error: SpeechError, sample: Sample, path: str) -> SpeechError:
    """With the path of the field at fault, which may be a segment's own or the sample's."""
    if sample.segments is not None and error.utterance is not None:
        own = {"text"} | sample.segments[error.utterance].model_fields_set
        path += f".segments.{error.utterance}" if error.param in own else ""
    error.param = f"{path}.{error.param}" if error.param else path
    return error
