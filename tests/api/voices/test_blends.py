"""Blends of voices in a name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.openai.voices import VoiceNames
from api.voices.blends import parse_blend, written
from api.voices.library import VoiceLibrary
from runners.errors import SpeechError
from tests.api.voices.test_library import SPEAKERS, voice_folder


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    voice_folder(tmp_path, "anna", "calm.wav", "glad.wav", settings={"default_blend": {"calm": 3, "glad": 1}})
    voice_folder(tmp_path, "bela", "calm.wav")
    return VoiceLibrary(tmp_path)


@pytest.mark.parametrize("name", ["anna", "anna+", "+", "anna(0)+bela", "anna(x)", "a(1)b+c", "anna(-1)+bela", "(2)+a"])
def test_what_is_no_blend(name: str) -> None:
    assert parse_blend(name) is None


NAMES = st.text("abcdefghijklmnopqrstuvwxyzA-_0123456789", min_size=1, max_size=9)


@given(st.lists(st.tuples(NAMES, st.integers(1, 9999).map(lambda n: n / 16)), min_size=1, max_size=9))
def test_what_is_written_is_read(blend: list[tuple[str, float]]) -> None:
    read = parse_blend(written(blend))
    assert read is not None
    assert [name for name, _ in read] == [name for name, _ in blend]
    assert [weight for _, weight in read] == pytest.approx([weight for _, weight in blend], rel=1e-5)


def test_styles_of_several_voices_and_a_speaker_are_one_voice(library: VoiceLibrary) -> None:
    voice = library.resolve("anna(2)+bela+Demo Low", speakers=SPEAKERS)
    parts = {
        (Path(each.path).parent.name, Path(each.path).stem, each.speaker): each.weight for each in voice.references
    }
    assert parts == pytest.approx(
        {
            ("anna", "calm", None): 2 / 4 * 3 / 4,
            ("anna", "glad", None): 2 / 4 * 1 / 4,
            ("bela", "calm", None): 1 / 4,
            ("", "", "Demo Low"): 1 / 4,
        }
    )
    assert [each.weight for each in library.resolve("anna + bela", "calm").references] == [0.5, 0.5]


def test_the_first_of_a_blend_leads_and_a_name_with_parentheses_is_no_blend(
    library: VoiceLibrary, tmp_path: Path
) -> None:
    voice_folder(tmp_path, "anna (2)", "calm.wav", settings={"language": "en"})
    leaders = {
        name: library.leading(name) for name in ("anna (2)", "anna(3)+bela", "bela", "Demo Low", "Demo Low+bela")
    }
    names = {name: leader and leader.name for name, leader in leaders.items()}
    assert names == {
        "anna (2)": "anna (2)",
        "anna(3)+bela": "anna",
        "bela": "bela",
        "Demo Low": None,
        "Demo Low+bela": None,
    }


@pytest.mark.parametrize(
    ("name", "style", "fault"),
    [
        ("anna+nobody", None, "no voice 'nobody'. There are: anna, bela"),
        ("anna+bela", "glad", "'bela': there is no style 'glad'"),
        ("anna+", None, "no voice 'anna\\+'"),
    ],
)
def test_a_part_that_is_not_there_is_named(library: VoiceLibrary, name: str, style: str | None, fault: str) -> None:
    with pytest.raises(SpeechError, match=fault):
        library.resolve(name, style, speakers=SPEAKERS)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Anna", "anna"),
        ("demo low", "Demo Low"),
        ("Verse", "default"),
        ("NOVA", "bela"),
        ("Anna(2)+NOVA", "anna(2)+bela(1)"),
        ("mixed(4)+demo low", "anna(3)+bela(1)+Demo Low(1)"),
        ("anna+nobody", None),
        ("nobody", None),
    ],
)
def test_names_of_openais_route(library: VoiceLibrary, name: str, ours: str | None) -> None:
    names = VoiceNames({"nova": "bela", "mixed": "anna(3)+bela"}, library)
    assert names.find(name, SPEAKERS) == ours
    assert all(each in names.unknown("x", SPEAKERS).message for each in ("anna", "Demo Low", "nova", "verse"))
