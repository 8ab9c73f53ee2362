"""From a job's samples to passages, by the rules of the other generate routes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from api.jobs.passages import passages
from api.jobs.render import Passage, RenderTask
from api.jobs.schemas import LONGEST_SILENCE, MOST_PARTS, LongRequest, Sample
from api.plan import Phrase, Planner
from runners.errors import InvalidInput, SpeechError, StorageAway
from runners.types import ModelCard


class JobPlanner:
    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def check(self, request: LongRequest, model: ModelCard) -> int:
        """How many passages there are. Raises SpeechError for the first sample that cannot be synthesized, `param`
        being the field's path, and for more phrases or pauses, those within texts too, than a job may have."""
        count, silence, cut = 0, 0.0, 0
        for index, sample in enumerate(request.samples):
            try:
                phrases = self._phrases(sample, model)
            except SpeechError as error:
                raise _placed(error, sample, f"samples.{index}") from error.__cause__
            count += len(phrases)
            silence += sum(phrase.pause for phrase in phrases)
            if count > MOST_PARTS:
                raise InvalidInput(
                    f"Pauses split this job into more than {MOST_PARTS} phrases; that is the limit.", param="samples"
                )
            if silence > LONGEST_SILENCE + count:  # and a moment for each that has nothing to say
                raise InvalidInput(f"The pauses of a job may sum up to {LONGEST_SILENCE:.0f} seconds.", param="samples")
            cut += sum(len(_texts(phrase)) for phrase in phrases)
        return cut

    def render_tasks(self, samples: Sequence[Sample], model: ModelCard, folder: Path) -> list[RenderTask]:
        """One for each sample. What cannot be synthesized is over from the start. `folder`: for passages."""
        return [self._task(sample, model, folder / str(index)) for index, sample in enumerate(samples)]

    def _task(self, sample: Sample, model: ModelCard, stem: Path) -> RenderTask:
        try:
            phrases = self._phrases(sample, model)
        except StorageAway:
            raise  # it will come back
        except SpeechError as error:
            return RenderTask(sample, [], [], None, stem, error)
        cut = [
            Passage(number, dataclasses.replace(phrase.utterance, text=text))
            for number, phrase in enumerate(phrases)
            for text in _texts(phrase)
        ]
        spec = self._planner.audio(sample, sample.parts, phrases, model, trim=sample.trims)
        return RenderTask(sample, cut, phrases, spec, stem)

    def _phrases(self, sample: Sample, model: ModelCard) -> list[Phrase]:
        return self._planner.phrases(sample, sample.parts, sample.seed or 0, model)


def _texts(phrase: Phrase) -> list[str]:
    return passages(phrase.utterance.text, phrase.utterance.language)


def _placed(error: SpeechError, sample: Sample, path: str) -> SpeechError:
    """With the path of the field at fault, which may be a segment's own or the sample's."""
    if sample.segments is not None and error.utterance is not None:
        own = {"text"} | sample.segments[error.utterance].model_fields_set
        path += f".segments.{error.utterance}" if error.param in own else ""
    error.param = f"{path}.{error.param}" if error.param else path
    return error
