"""Batch files: the example is the quiz, right files become samples, wrong ones name every fault."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from api.jobs.schemas import Sample
from api.schemas import SegmentedRequest, SimpleRequest
from client.batch_file import load, schema, server_faults
from client.document import BatchFileError

EXAMPLE = Path(__file__).parents[2] / "examples" / "input_samples.json"
SCHEMA = EXAMPLE.with_name("schema.json")
CHARACTERS_A_SECOND = 15
Fields = dict[str, Any]


def write(folder: Path, content: object) -> Path:
    path = folder / "batch.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
    return path


def loaded(path: Path, output_format: str | None = None) -> list[Sample]:
    return load(path, output_format)[1]


def refused(path: Path) -> list[tuple[int, str, str]]:
    with pytest.raises(BatchFileError) as caught:
        load(path)
    return [(fault.line, fault.path, fault.message) for fault in caught.value.faults]


# The example


def test_the_example_has_the_five_samples_at_their_lengths() -> None:
    seconds = {
        sample.id: sum(len(part.text) / CHARACTERS_A_SECOND + part.pause_after for part in sample.parts)
        for sample in loaded(EXAMPLE)
    }

    assert seconds == pytest.approx({"001": 5.9, "002": 4.0, "003": 14.3, "004": 5.6, "005": 3.2}, abs=0.3)


def test_the_examples_third_sample_has_six_parts_and_their_pauses() -> None:
    segments = loaded(EXAMPLE)[2].parts

    assert [segment.pause_after for segment in segments] == [0.5, 0.5, 0.7, 0.7, 0.7, 0.7]
    assert [segment.text[0] for segment in segments[2:]] == ["A", "B", "C", "D"]


def test_the_example_leads_editors_to_the_schema_that_the_types_make() -> None:
    named = json.loads(EXAMPLE.read_text(encoding="utf-8"))["$schema"]

    assert (EXAMPLE.parent / named).resolve() == SCHEMA.resolve()
    Draft202012Validator.check_schema(schema())
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema(), (
        "python -m client.batch_file > examples/schema.json"
    )


# What a right file becomes


def test_a_sample_is_its_fields_over_the_defaults(tmp_path: Path) -> None:
    file = {
        "defaults": {"language": "hu", "voice": "a", "seed": 1, "output_format": "wav"},
        "samples": [
            {"id": "x", "text": "Jó napot!", "voice": "b"},
            {"id": "y", "segments": [{"text": "Egy."}], "output_format": "flac"},
        ],
    }

    simple, segmented = loaded(write(tmp_path, file))

    fields: Fields = {"language": "hu", "seed": 1}
    assert simple.request == SimpleRequest(text="Jó napot!", voice="b", output_format="wav", **fields)
    assert segmented.request == SegmentedRequest(segments=[{"text": "Egy."}], voice="a", output_format="flac", **fields)


@pytest.mark.parametrize(("asked", "formats"), [(None, ["mp3", "wav"]), ("opus", ["opus", "opus"])])
def test_the_format_asked_for_goes_before_the_files(tmp_path: Path, asked: str | None, formats: list[str]) -> None:
    samples = [{"id": "a", "text": "x"}, {"id": "b", "text": "x", "output_format": "wav"}]

    found = loaded(write(tmp_path, {"samples": samples}), asked)

    assert [sample.output_format for sample in found] == formats


def test_names_are_the_same_however_their_letters_are_written(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "kérdés")
    file = {
        "samples": [{"id": f"{apart} 1", "text": "x", "voice": unicodedata.normalize("NFD", "Éva"), "style": apart}]
    }
    document, samples = load(write(tmp_path, file))
    assert samples[0].id == "kérdés 1"
    assert server_faults(document, samples, {"Éva": ["kérdés"]}, ["hu"]) == []
    twice = {"samples": [{"id": "kérdés", "text": "x"}, {"id": apart, "text": "x"}]}
    assert "already the id" in str(refused(write(tmp_path, twice)))


# What is wrong with a wrong one

ONE = '{"id": "a", "text": "x", '
KNOWN = "$schema, defaults, samples"


@pytest.mark.parametrize(
    ("text", "line", "path", "words"),
    [
        ("[]", 1, "$", ["an array of 0", "an object with `samples`"]),
        ("{}", 1, "$", ['"samples" is missing', "an array of 1 or more"]),
        ('{"samples": 5}', 1, "$.samples", ["5 is not right", "an array"]),
        ('{"samples":\n []}', 2, "$.samples", ["an array of 0"]),
        (
            '{"samples": [{"id": "a", "text": "x"}],\n "sample": 1}',
            2,
            "$.sample",
            ['did you mean "samples"?'],
        ),
        ('{"samples": [{"id": "a", "text": "x"}],\n "zzz": 1}', 2, "$.zzz", [KNOWN]),
        ('{"samples": [{"id": "a", "text": "x"}],\n "defaults": 1}', 2, "$.defaults", ["an object"]),
        (
            '{"samples": [{"id": "a", "text": "x"}],\n "defaults":{"text":"x"}}',
            2,
            "$.defaults.text",
            ["belong"],
        ),
        ('{"samples": [\n "x"]}', 2, "$.samples[0]", ['"x" is not right', "`id`"]),
        ('{"samples": [\n {"text": "x"}]}', 2, "$.samples[0]", ['"id" is missing', "letters of any script"]),
        ('{"samples": [\n {"id": "x"}]}', 2, "$.samples[0]", ["either a `text` or `segments`"]),
        ('{"samples": [\n {"id": "x", "text": "x",\n "segments": [{"text": "x"}]}]}', 2, "$.samples[0]", ["either"]),
        ('{"samples": [\n {"id": "x",\n "segments": []}]}', 3, "$.samples[0].segments", ["1 to 200"]),
        ('{"samples": [\n {"id": "x",\n "segments": {}}]}', 3, "$.samples[0].segments", ["an array"]),
        ('{"samples": [{"id": "x", "segments": [\n 5]}]}', 2, "$.samples[0].segments[0]", ["with `text`"]),
        (
            '{"samples": [{"id": "x", "segments": [\n {}]}]}',
            2,
            "$.samples[0].segments[0]",
            ['"text" is missing'],
        ),
        *[
            (
                f'{{"samples": [{{"id": "x", "segments": [{{"text": "x",\n "{name}": {value}}}]}}]}}',
                2,
                path,
                words,
            )
            for name, value, path, words in [
                ("pause_after", "-0.1", "$.samples[0].segments[0].pause_after", ["from 0 to 60"]),
                ("pause_after", "61", "$.samples[0].segments[0].pause_after", ["from 0 to 60"]),
                ("pause_after", '"1"', "$.samples[0].segments[0].pause_after", ["a number"]),
                ("pauseafter", "1", "$.samples[0].segments[0].pauseafter", ['did you mean "pause_after"?']),
                ("top_k", "1", "$.samples[0].segments[0].top_k", ["does not belong here"]),
                (
                    "output_format",
                    '"mp3"',
                    "$.samples[0].segments[0].output_format",
                    ["does not belong here"],
                ),
            ]
        ],
        *[
            (f'{{"samples": [{ONE}\n "{name}": {value}}}]}}', 2, path or f"$.samples[0].{name}", [right])
            for name, value, path, right in [
                ("output_format", '"ogg"', "", "mp3, wav, flac, opus, aac, pcm"),
                ("output_format", "null", "", "mp3, wav, flac, opus, aac, pcm"),
                ("language", "5", "", "a string"),
                ("voice", "[]", "", "a string"),
                ("style", "5", "", "name of a reference"),
                ("style", '{"neutral": -1}', "", "weights from 0 to 1000"),
                ("style", '{"neutral": "1"}', "", "weights from 0 to 1000"),
                ("style", '{"neutral": 1001}', "", "weights from 0 to 1000"),
                ("speed", "0.2", "", "from 0.25 to 4"),
                ("speed", "4.1", "", "from 0.25 to 4"),
                ("speed", "true", "", "from 0.25 to 4"),
                ("seed", "-1", "", "from 0 to 4294967295"),
                ("seed", "4294967296", "", "from 0 to 4294967295"),
                ("seed", "1.5", "", "a whole number"),
                ("temperature", "-0.1", "", "from 0 to 2"),
                ("temperature", "2.1", "", "from 0 to 2"),
                ("temperature", '"hot"', "", "from 0 to 2"),
                ("top_k", "-1", "", "a whole number from 0"),
                ("top_k", "0.5", "", "a whole number from 0"),
                ("top_p", "0", "", "above 0 and up to 1"),
                ("top_p", "1.01", "", "above 0 and up to 1"),
                ("repetition_penalty", "0", "", "from 1"),
                ("repetition_penalty", "51", "", "to 50"),
                ("repetition_penalty", "[]", "", "from 1"),
                ("trim_silence", "1", "", "true or false"),
                ("id", '"b"', "", "twice"),
            ]
        ],
        *[
            (f'{{"samples": [{{\n"id": {value}, "text": "x"}}]}}', 2, "$.samples[0].id", ["digits, spaces and"])
            for value in [
                '""',
                '"../a"',
                '"a/b"',
                '".a"',
                '"-a"',
                '"a "',
                '"a?"',
                '"a\\n"',
                f'"{"a" * 101}"',
                "5",
            ]
        ],
        *[
            (
                f'{{"samples": [{{"id": "x",\n"text": {value}}}]}}',
                2,
                "$.samples[0].text",
                [""],
            )
            for value in ['""', "5", "[]"]
        ],
        ('{"samples": [{"id": "x",\n"text": "\\ud800"}]}', 2, "$.samples[0].text", ["surrogate"]),
        ('{"samples": [{"id": "x", "text": "x",\n "seed": 1e400}]}', 2, "$.samples[0].seed", ["Infinity"]),
        ('{"samples": [{"id": "x", "text": "x",\n}]}', 2, "$", ["one too many"]),
    ],
)
def test_each_kind_of_fault_has_its_line_and_what_is_right(
    tmp_path: Path, text: str, line: int, path: str, words: list[str]
) -> None:
    found = [message for *place, message in refused(write(tmp_path, text)) if place == [line, path]]

    assert any(all(word in message for word in words) for message in found), found


def test_two_ids_that_would_be_one_file_are_refused(tmp_path: Path) -> None:
    text = '{"samples": [\n{"id": "a", "text": "x"},\n{"id": "b", "text": "x"},\n{"id": "A", "text": "x"}]}'

    assert refused(write(tmp_path, text)) == [
        (4, "$.samples[2].id", '"A" is already the id on line 2; each needs its own')
    ]


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = """{
      "defaults": {"speed": 9},
      "samples": [
        {"id": "a", "text": ""},
        {"id": "a", "segments": [{"text": "x", "pause": 1}, {}]},
        {"id": "c", "text": "x", "text": "y"}
      ],
      "more": 1
    }"""

    assert [(line, path) for line, path, _ in refused(write(tmp_path, text))] == [
        (2, "$.defaults.speed"),
        (4, "$.samples[0].text"),
        (5, "$.samples[1].id"),
        (5, "$.samples[1].segments[0].pause"),
        (5, "$.samples[1].segments[1]"),
        (6, "$.samples[2].text"),
        (8, "$.more"),
    ]


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.json")


# What is wrong beside a server

VOICES = {"default": ["neutral", "question"], "Ana": []}


def lacking(path: Path) -> list[tuple[int, str, str]]:
    found = server_faults(*load(path), VOICES, ["hu", "zh-cn"])
    return [(fault.line, fault.path, fault.message) for fault in found]


def test_what_the_server_lacks_has_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    text = """{"samples": [
      {"id": "a", "text": "x", "style": "questoin"},
      {"id": "b", "text": "x", "voice": "defualt", "style": "neutral"},
      {"id": "c", "text": "x", "language": "xx"},
      {"id": "d", "style": {"neutral": 1, "loud": 1}, "segments": [{"text": "x"},
        {"text": "x", "voice": "Ana"},
        {"text": "x", "voice": "Ana", "style": "neutral"}]},
      {"id": "e", "text": "x", "style": {"neutral": 0}}
    ]}"""

    assert lacking(write(tmp_path, text)) == [
        (2, "$.samples[0].style", 'voice "default" has no style "questoin"; did you mean "question"?'),
        (3, "$.samples[1].voice", 'the server has no voice "defualt"; did you mean "default"?'),
        (4, "$.samples[2].language", 'the model has no language "xx"; there are: auto, hu, zh-cn'),
        (5, "$.samples[3].style", 'voice "default" has no style "loud"; there are: neutral, question'),
        (7, "$.samples[3].segments[2].style", 'voice "Ana" has no style "neutral"; there are: none'),
        (8, "$.samples[4].style", "the weights are all 0: at least one reference must count"),
    ]


def test_a_wrong_default_is_one_fault_however_many_take_it(tmp_path: Path) -> None:
    samples = [{"id": str(index), "text": "x"} for index in range(3)]

    found = lacking(write(tmp_path, {"defaults": {"language": "xx", "voice": "Anna"}, "samples": samples}))

    assert [path for _, path, _ in found] == ["$.defaults.language", "$.defaults.voice"]
    assert lacking(write(tmp_path, {"samples": samples})) == []
    assert lacking(write(tmp_path, {"defaults": {"language": "ZH", "voice": "Ana"}, "samples": samples})) == []


def test_each_voice_of_a_blend_is_looked_for(tmp_path: Path) -> None:
    text = """{"samples": [
      {"id": "a", "text": "x", "voice": "default(2)+Ana"},
      {"id": "b", "text": "x", "voice": "defualt(.5) + Ana"},
      {"id": "c", "text": "x", "voice": "default+Ana", "style": "neutral"},
      {"id": "d", "text": "x", "voice": "default+"}
    ]}"""

    assert lacking(write(tmp_path, text)) == [
        (3, "$.samples[1].voice", 'the server has no voice "defualt"; did you mean "default"?'),
        (4, "$.samples[2].style", 'voice "Ana" has no style "neutral"; there are: none'),
        (5, "$.samples[3].voice", 'the server has no voice "default+"; did you mean "default"?'),
    ]


@pytest.mark.parametrize("text", ["?!", " \n\t", "…", "🎉", "[pause:1s]", "<break time='1s'/>", "***\n\n<b></b>"])
def test_a_text_with_nothing_to_say_is_refused(tmp_path: Path, text: str) -> None:
    samples = [{"id": "a", "text": text}, {"id": "b", "segments": [{"text": "x"}, {"text": text}]}]

    assert [path for _, path, _ in refused(write(tmp_path, {"samples": samples}))] == [
        "$.samples[0].text",
        "$.samples[1].segments[1].text",
    ]


@pytest.mark.parametrize("fields", [{}, {"language": "hu"}, {"language": "auto"}])
@pytest.mark.parametrize("text", ["&", "%", "€", "@", "§", "[pause:1s] Jó.", "***\n\nJó."])
def test_a_text_that_the_server_says_is_taken(tmp_path: Path, text: str, fields: Fields) -> None:
    assert loaded(write(tmp_path, {"samples": [{"id": "a", "text": text, **fields}]}))


def test_what_is_said_depends_on_how_it_is_read(tmp_path: Path) -> None:
    samples = [
        {"id": "a", "text": "☃", "pronunciations": {"☃": "snowman"}},
        {"id": "b", "text": "§", "language": "ko"},
        {"id": "c", "text": "&", "normalize": False},
        {"id": "d", "text": "Well. [pause:61s]"},
    ]

    found = refused(write(tmp_path, {"samples": samples}))

    assert [path for _, path, _ in found] == [f"$.samples[{index}].text" for index in (1, 2, 3)]
    assert found[2][2] == "[pause:61s]: a pause may last 60 seconds."


def test_more_paragraphs_than_a_request_may_have_are_refused(tmp_path: Path) -> None:
    [(_, path, message)] = refused(write(tmp_path, {"samples": [{"id": "a", "text": "x\n\n" * 201}]}))
    assert (path, "200 paragraphs" in message) == ("$.samples[0].text", True)


# Random files

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(
    lambda text: f"One {text}"  # there is something to say
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
VOICING = {
    "language": st.sampled_from(["hu", "en", "zh-cn", "auto"]),
    "voice": NAMES,
    "style": NAMES | st.dictionaries(NAMES, st.floats(0.001, 1000), min_size=1, max_size=3),
    "speed": st.floats(0.25, 4) | st.integers(1, 4),
    "seed": st.integers(0, 2**32 - 1),
}
COMMON = VOICING | {
    "output_format": st.sampled_from(["mp3", "wav", "flac", "opus", "aac", "pcm"]),
    "temperature": st.just(0) | st.floats(0.01, 2),
    "top_k": st.integers(0, 1024),
    "top_p": st.floats(0.001, 1),
    "repetition_penalty": st.floats(1, 50),
    "trim_silence": st.booleans(),
    "paragraph_pause": st.floats(0, 60),
}
SEGMENTS = st.fixed_dictionaries({"text": TEXTS}, optional=VOICING | {"pause_after": st.floats(0, 60)})
CONTENTS = st.fixed_dictionaries({"text": TEXTS}, optional=COMMON) | st.fixed_dictionaries(
    {"segments": st.lists(SEGMENTS, min_size=1, max_size=4)}, optional=COMMON
)
IDS = st.from_regex(r"[A-Za-z0-9áéőű][A-Za-z0-9._-]{0,12}", fullmatch=True)


@st.composite
def batches(draw: st.DrawFn) -> Fields:
    ids = draw(st.lists(IDS, min_size=1, max_size=4, unique_by=str.casefold))
    file: Fields = {"samples": [{"id": name, **draw(CONTENTS)} for name in ids]}
    if draw(st.booleans()):
        file["defaults"] = draw(st.fixed_dictionaries({}, optional=COMMON))
    return file


@settings(max_examples=60, deadline=None)
@given(batches())
def test_every_right_file_is_taken(tmp_path_factory: pytest.TempPathFactory, file: Fields) -> None:
    samples = loaded(write(tmp_path_factory.mktemp("right"), file))

    assert Draft202012Validator(schema()).is_valid(file)
    for sample, own in zip(samples, file["samples"], strict=True):
        assert sample.model_dump(exclude_unset=True) == {**file.get("defaults", {}), **own}


# Each puts one thing wrong into `fields` and names the member that is wrong, or None for `fields` itself.
Fault = Callable[[Fields], str | None]
MARK = "mark"  # stands in the text exactly where the fault is


def unknown(fields: Fields) -> str:
    fields[MARK] = 1
    return MARK


def wrong_type(name: str) -> Fault:
    def put(fields: Fields) -> str:
        fields[name] = [MARK]
        return name

    return put


def missing_content(fields: Fields) -> None:
    del fields["text" if "text" in fields else "segments"]


def missing_id(fields: Fields) -> None:
    del fields["id"]


FAULTS = [unknown, missing_content, missing_id, *(wrong_type(name) for name in [*COMMON, "id"])]


@settings(max_examples=80, deadline=None)
@given(file=batches(), where=st.data(), fault=st.sampled_from(FAULTS))
def test_one_fault_put_in_anywhere_is_refused_and_named(
    tmp_path_factory: pytest.TempPathFactory, file: Fields, where: st.DataObject, fault: Fault
) -> None:
    index = where.draw(st.integers(0, len(file["samples"]) - 1))
    member = fault(file["samples"][index])
    path = write(tmp_path_factory.mktemp("wrong"), file)

    faults = refused(path)

    assert not Draft202012Validator(schema()).is_valid(file)
    expected = f"$.samples[{index}]" + (f".{member}" if member else "")
    assert {found for _, found, _ in faults} == {expected}
    lines = path.read_text(encoding="utf-8").split("\n")
    if member:
        assert lines[faults[0][0] - 1].strip().startswith(f'"{member}":')
    else:
        assert lines[faults[0][0] - 1].strip() == "{"
