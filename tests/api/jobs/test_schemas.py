"""What a job may hold: names, defaults, and no more silence and parts than a server can carry."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.jobs.schemas import LongRequest, Sample
from api.schemas import SegmentedRequest, SimpleRequest

PARAGRAPHS = "\n\n".join("a" * 101)  # 101 of them


def faults(*samples: dict[str, Any], **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        LongRequest.model_validate({"samples": [{"id": f"s{i}", **each} for i, each in enumerate(samples)], **fields})
    return [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in caught.value.errors()]


def test_the_silence_of_a_sample_is_bounded_whatever_makes_it() -> None:
    [(path, message)] = faults({"text": "a"}, {"text": PARAGRAPHS, "paragraph_pause": 60})
    assert path == "samples.1.paragraph_pause"
    assert "101 paragraphs with 60 s between them are 6000 s of silence; a sample may have 600 s" in message
    [(path, _)] = faults({"text": "a\n\n" * 2000})  # by the default pause
    assert path == "samples.0.paragraph_pause"
    [(path, _)] = faults({"text": PARAGRAPHS}, defaults={"paragraph_pause": 7})
    assert path == "samples.0.paragraph_pause"
    [(path, _)] = faults({"segments": [{"text": "a", "pause_after": 60}] * 11})
    assert path == "samples.0.segments"
    Sample(id="a", text=PARAGRAPHS, paragraph_pause=6)


def test_the_silence_of_a_job_is_bounded_too() -> None:
    silent = {"text": PARAGRAPHS, "paragraph_pause": 6}
    assert faults(*[silent] * 37)[0][0] == "samples"
    LongRequest.model_validate({"samples": [{"id": str(i), **silent} for i in range(36)]})


def test_the_parts_of_a_job_are_bounded_however_short_they_are() -> None:
    short = {"text": "a\n\n" * 16_000, "paragraph_pause": 0}
    for samples in ((short, short), [{"segments": [{"text": "a"}] * 200}] * 101):
        assert faults(*samples) == [("samples", "there are more than 20000 paragraphs and segments in all")]


def test_samples_take_the_defaults_that_they_lack() -> None:
    request = LongRequest.model_validate(
        {
            "$schema": "editors read it",
            "defaults": {"language": "hu", "seed": 1, "trim_silence": True},
            "samples": [{"id": "a", "text": "x", "seed": 2}, {"id": "b", "segments": [{"text": "y"}]}],
        }
    )
    assert [(each.language, each.seed, each.trims) for each in request.samples] == [("hu", 2, True), ("hu", 1, True)]
    assert LongRequest.model_validate_json(request.as_json()) == request


def test_ten_thousand_samples_share_the_defaults_respellings() -> None:
    terms = {f"term {number}": "x" * 300 for number in range(1000)}
    own = {"id": "own", "text": "x", "pronunciations": {"y": "z"}, "style": None}
    samples = [own, *({"id": str(number), "text": "x"} for number in range(9_999))]
    fields = {"defaults": {"pronunciations": terms, "style": "question"}, "samples": samples}
    request = LongRequest.model_validate(fields)
    stored = request.as_json()
    assert len(stored) < 2**20
    again = LongRequest.model_validate_json(stored)
    assert again == request
    first, *others = again.samples
    assert (first.pronunciations, first.style) == ({"y": "z"}, None)
    assert all(each.pronunciations is again.defaults.pronunciations for each in others)
    assert {each.style for each in others} == {"question"}


def test_wrong_defaults_are_refused_once() -> None:
    assert [path for path, _ in faults({"text": "x"}, {"text": "y"}, defaults={"speed": 9})] == ["defaults.speed"]


def test_a_sample_as_the_body_of_a_generate_route() -> None:
    simple = Sample(id="a", text="x", speed=2, paragraph_pause=3).request
    assert simple == SimpleRequest(text="x", speed=2)
    paragraphs = Sample(id="a", text="x\n\ny", paragraph_pause=3).request
    assert isinstance(paragraphs, SegmentedRequest)
    assert [(part.text, part.pause_after) for part in paragraphs.parts] == [("x", 3), ("y", 0)]
    assert not paragraphs.trim_silence
    assert Sample(id="a", segments=[{"text": "x"}]).request.trim_silence


def test_a_job_takes_voices_by_name() -> None:
    sent = {"clips": ["QUJD"]}
    found = faults({"text": "a", "voice": sent}, {"segments": [{"text": "a"}, {"text": "b", "voice": sent}]})
    assert [path for path, _ in found] == ["samples.0.voice", "samples.1.segments.1.voice"]
    assert all("must be a voice's name here; upload the voice first" in message for _, message in found)
    [(path, _)] = faults({"text": "a"}, defaults={"voice": sent})
    assert path == "defaults.voice"


def test_the_digest_changes_with_all_but_the_name() -> None:
    one = Sample(id="a", text="x", seed=1)
    assert one.digest == Sample(id="b", seed=1, text="x").digest
    assert one.digest != Sample(id="a", text="x", seed=2).digest
    assert one.digest != Sample(id="a", segments=[{"text": "x"}], seed=1).digest


@pytest.mark.parametrize("id", ["", "../a", ".a", "a:b", " a", "a\n", "a" * 101])
def test_ids_are_safe_names_of_files(id: str) -> None:
    assert faults({"id": id, "text": "x"})[0][0] == "samples.0.id"


def test_ids_are_in_peoples_own_letters() -> None:
    assert Sample(id="ke\u0301rde\u0301s 1", text="x").id == "kérdés 1"
