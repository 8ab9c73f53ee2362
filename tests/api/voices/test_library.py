"""A folder of clips is a voice as soon as it lies there, and one broken voice takes no other down."""

import hashlib
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, ItemsView
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import UnknownVoice
from api.names import composed, is_name
from api.voices.folder import BadBlend, BrokenVoice, normalise
from api.voices.library import VoiceLibrary
from runners.conditioning.voice_file import StyleLatents, VoiceLatents
from runners.errors import InvalidInput
from runners.types import Reference, Voice

ROOT = Path(__file__).parents[3]
SPEAKERS = ("Demo Low", "Demo High")


def voice_folder(library: Path, name: str, *clips: str, settings: object = None) -> Path:
    folder = library / name
    folder.mkdir(parents=True)
    for clip in clips:
        (folder / clip).write_bytes(f"clip {name} {clip}".encode())
    if settings is not None:
        (folder / "voice.yaml").write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
    return folder


def weights(voice: Voice) -> dict[str, float]:
    return {Path(reference.path).stem: reference.weight for reference in voice.references}


def test_a_folder_of_clips_is_a_voice(tmp_path: Path) -> None:
    voice_folder(tmp_path, "anna", "calm.wav", "glad.FLAC", "notes.txt", ".hidden.wav")
    profile = VoiceLibrary(tmp_path).find("anna")
    assert list(profile.styles) == ["calm", "glad"]
    assert profile.language is None
    assert profile.default_blend == {"calm": 0.5, "glad": 0.5}


def test_voice_yaml_names_styles_language_and_blend(tmp_path: Path) -> None:
    settings = {
        "language": "zh-cn",
        "references": {"calm": "Take 1.wav", "glad": "b.mp3"},
        "default_blend": {"glad": 3, "calm": 1},
        "licence": "mine",
    }
    voice_folder(tmp_path, "anna", "Take 1.wav", "b.mp3", "unused.wav", settings=settings)
    profile = VoiceLibrary(tmp_path).find("anna")
    assert profile.language == "zh-cn"
    assert {style: clip.name for style, clip in profile.styles.items()} == settings["references"]
    assert profile.default_blend == {"calm": 0.25, "glad": 0.75}
    assert profile.licence == "mine"


def test_an_empty_voice_yaml_changes_nothing(tmp_path: Path) -> None:
    voice_folder(tmp_path, "anna", "calm.wav", settings="# nothing yet\n")
    assert list(VoiceLibrary(tmp_path).find("anna").styles) == ["calm"]


def test_a_style_not_in_the_default_blend_is_still_there(tmp_path: Path) -> None:
    voice_folder(tmp_path, "anna", "calm.wav", "glad.wav", settings={"default_blend": {"calm": 1, "glad": 0}})
    library = VoiceLibrary(tmp_path)
    assert weights(library.resolve("anna")) == {"calm": 1}
    assert weights(library.resolve("anna", "glad")) == {"glad": 1}


def test_resolve(tmp_path: Path) -> None:
    folder = voice_folder(tmp_path, "anna", "calm.wav", "glad.wav")
    library = VoiceLibrary(tmp_path)
    assert weights(library.resolve("anna")) == {"calm": 0.5, "glad": 0.5}
    assert weights(library.resolve("anna", "calm")) == {"calm": 1}
    assert weights(library.resolve("anna", {"glad": 1, "calm": 3})) == {"calm": 0.75, "glad": 0.25}
    assert weights(library.resolve("anna", {"glad": 1, "calm": 0})) == {"glad": 1}
    (reference,) = library.resolve("anna", "calm").references
    assert Path(reference.path) == folder / "calm.wav"
    assert reference.digest == hashlib.sha256((folder / "calm.wav").read_bytes()).hexdigest()


def test_paths_do_not_depend_on_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice_folder(tmp_path / "voices", "anna", "calm.wav")
    monkeypatch.chdir(tmp_path)
    library = VoiceLibrary(Path("voices"))
    monkeypatch.chdir("/")
    (reference,) = library.resolve("anna").references
    assert Path(reference.path).is_file()


@pytest.mark.parametrize(
    "style",
    [
        "sad",
        "",
        "CALM",
        {"sad": 1},
        {},
        {"calm": 0},
        {"calm": -1, "glad": 2},
        {"calm": math.nan},
        {"calm": math.inf},
    ],
)
def test_a_style_that_is_not_there_or_blends_nothing(tmp_path: Path, style: str | dict[str, float]) -> None:
    voice_folder(tmp_path, "anna", "calm.wav", "glad.wav")
    with pytest.raises(InvalidInput) as refused:
        VoiceLibrary(tmp_path).resolve("anna", style)
    assert refused.value.param == "style"
    assert "'anna'" in refused.value.message


def test_an_unknown_style_is_named_beside_those_there_are(tmp_path: Path) -> None:
    voice_folder(tmp_path, "anna", "calm.wav", "glad.wav")
    with pytest.raises(InvalidInput, match="no style 'sad'; there are: calm, glad"):
        VoiceLibrary(tmp_path).resolve("anna", "sad")


def test_the_speakers_of_the_checkpoint_are_voices_too(tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path)
    assert library.resolve("Demo Low", speakers=SPEAKERS) == Voice.of_speaker("Demo Low")
    with pytest.raises(InvalidInput, match="no styles") as refused:
        library.resolve("Demo Low", "calm", speakers=SPEAKERS)
    assert refused.value.param == "style"


def test_a_folder_wins_over_a_speaker_of_the_same_name(tmp_path: Path) -> None:
    voice_folder(tmp_path, "demo", "calm.wav")
    assert VoiceLibrary(tmp_path).resolve("demo", speakers=("demo",)).references[0].speaker is None


@pytest.mark.parametrize("name", ["nobody", "", "..", "../anna", "anna/..", "Anna", "/etc", "anna\x00", "a" * 5000])
def test_an_unknown_voice_is_named_beside_those_there_are(tmp_path: Path, name: str) -> None:
    voice_folder(tmp_path, "anna", "calm.wav")
    voice_folder(tmp_path, "bela", "calm.wav")
    library = VoiceLibrary(tmp_path)
    with pytest.raises(UnknownVoice, match="There are: anna, bela, Demo Low, Demo High") as refused:
        library.resolve(name, speakers=SPEAKERS)
    assert refused.value.type == "voice_not_found"
    assert refused.value.param == "voice"
    with pytest.raises(UnknownVoice, match="There are: anna, bela"):
        library.resolve(name)


def test_a_library_that_is_not_there_is_empty(tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path / "nothing")
    assert library.profiles() == library.faults() == []
    with pytest.raises(UnknownVoice, match="There are: none"):
        library.resolve("anna")


def test_what_changes_at_run_time_is_seen(tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path)
    assert library.profiles() == []
    folder = voice_folder(tmp_path, "anna", "calm.wav")
    assert [profile.name for profile in library.profiles()] == ["anna"]
    assert weights(library.resolve("anna")) == {"calm": 1}

    (folder / "glad.wav").write_bytes(b"glad")
    assert weights(library.resolve("anna")) == {"calm": 0.5, "glad": 0.5}

    (folder / "voice.yaml").write_text("language: hu")
    assert library.find("anna").language == "hu"
    (folder / "voice.yaml").write_text("language: zh-cn")
    assert library.find("anna").language == "zh-cn"

    before = library.resolve("anna", "calm").references[0].digest
    (folder / "calm.wav").write_bytes(b"another clip of another length")
    assert library.resolve("anna", "calm").references[0].digest != before

    (folder / "calm.wav").unlink()
    assert weights(library.resolve("anna")) == {"glad": 1}
    (folder / "glad.wav").unlink()
    with pytest.raises(BrokenVoice):
        library.find("anna")
    (folder / "voice.yaml").unlink()
    folder.rmdir()
    with pytest.raises(UnknownVoice):
        library.resolve("anna")


BROKEN = {
    "language: [": "voice.yaml: line 1",
    "references:\n  calm: calm.wav\n language: hu": "voice.yaml: line",
    b"\xff\xfe\x00".decode("latin-1"): "voice.yaml",
    "- a list": "voice.yaml: the file",
    "langauge: hu": 'did you mean "language"?',
    "language: Hungarian": 'voice.yaml: language: "Hungarian" is not right; right is a string: a language',
    "language: 2001-09-09": 'voice.yaml: language: "2001-09-09" is not right',
    "references: {calm: 5}": "voice.yaml: references.calm: 5 is not right; right is a string",
    "language: no": "voice.yaml: language",  # YAML's own trap: this is false
    "references: {}": "voice.yaml: references",
    "references: {calm: gone.wav}": "voice.yaml: references.calm: there is no file 'gone.wav'",
    "references: {calm: ../bela/calm.wav}": "voice.yaml: references.calm",
    "references: {calm: ..}": "voice.yaml: references.calm",
    "references: {calm*: calm.wav}": "voice.yaml: references.calm*",
    "references: {calm: 3}": "voice.yaml: references.calm",
    "default_blend: {sad: 1}": "voice.yaml: default_blend: there is no style 'sad'",
    "default_blend: {calm: -1}": "voice.yaml: default_blend",
    "default_blend: {calm: .nan}": "voice.yaml: default_blend",
    "default_blend: {calm: 0}": "voice.yaml: default_blend",
    "default_blend: {}": "voice.yaml: default_blend",
    "default_blend: {calm: much}": "voice.yaml: default_blend.calm",
    "default_blend: {calm: yes}": "voice.yaml: default_blend.calm",
    "language: 2001-99-99": "voice.yaml: holds a value that cannot be read",
    "language: !!int zz": "voice.yaml: holds a value that cannot be read",
    "language: !!timestamp q": "voice.yaml: holds a value that cannot be read",
    "[" * 5000: "voice.yaml: is nested too deeply",
}


@pytest.mark.parametrize("settings", BROKEN)
def test_a_broken_voice_yaml_is_named_and_other_voices_work(tmp_path: Path, settings: str) -> None:
    voice_folder(tmp_path, "anna", "calm.wav", settings=settings)
    voice_folder(tmp_path, "bela", "calm.wav")
    library = VoiceLibrary(tmp_path)
    with pytest.raises(BrokenVoice) as broken:
        library.resolve("anna")
    assert "'anna'" in broken.value.message
    assert BROKEN[settings] in broken.value.message
    assert str(tmp_path) not in broken.value.message
    assert [profile.name for profile in library.profiles()] == ["bela"]
    assert [fault.message for fault in library.faults()] == [broken.value.message]
    assert weights(library.resolve("bela")) == {"calm": 1}


def test_folders_that_are_no_voices_are_reported(tmp_path: Path) -> None:
    voice_folder(tmp_path, "(anna)", "calm.wav")
    voice_folder(tmp_path, "bela", "My clip #1.wav")
    voice_folder(tmp_path, "cili", "calm.wav", "calm.mp3")
    voice_folder(tmp_path, "dani", "readme.txt")
    voice_folder(tmp_path, "__pycache__")
    voice_folder(tmp_path, ".git")
    (tmp_path / "make.py").write_text("")
    library = VoiceLibrary(tmp_path)
    assert library.profiles() == []
    faults = [fault.message for fault in library.faults()]
    for fault, reason in zip(
        faults, [r"'\(anna\)'", "'bela'.*My clip", "'cili'.*calm", "'dani'.*no audio file"], strict=True
    ):
        assert re.search(reason, fault)


def test_a_clip_that_cannot_be_read_is_the_voices_fault(tmp_path: Path) -> None:
    folder = voice_folder(tmp_path, "anna", "calm.wav")
    library = VoiceLibrary(tmp_path)
    library.find("anna")
    (folder / "calm.wav").unlink()
    (folder / "calm.wav").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BrokenVoice, match="'anna'"):
        library.resolve("anna")


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1e308), min_size=1))
@settings(max_examples=200)
def test_weights_sum_to_one_and_keep_their_ratios(blend: dict[str, float]) -> None:
    if not any(blend.values()):
        with pytest.raises(BadBlend):
            normalise(blend, "abcd")
        return
    shares = normalise(blend, "abcd")
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())
    assert list(shares) == sorted(shares)
    largest = max(blend, key=lambda style: blend[style])
    for style, weight in blend.items():
        assert shares.get(style, 0) == pytest.approx(shares[largest] * (weight / blend[largest]))


@given(st.text(max_size=70))
@settings(max_examples=200)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    if is_name(composed(name)):
        name = composed(name)
        assert Path(name).name == name
        assert not name.startswith(".")
        assert len(name) <= 64


def test_the_voice_that_comes_with_the_server() -> None:
    library = VoiceLibrary(ROOT / "references")
    assert library.faults() == []
    profile = library.find("default")
    assert profile.language == "hu"
    assert set(profile.styles) == {"neutral", "excitement", "question"}
    assert "espeak-ng" in (profile.licence or "")
    for clip in profile.styles.values():
        facts = soundfile.info(clip)
        assert facts.channels == 1
        assert 6 <= facts.duration <= 9
    digests = {reference.digest for reference in library.resolve("default").references}
    assert len(digests) == 3


def latents_of(*styles: str, checkpoint: str = "one") -> bytes:
    latents = StyleLatents(np.ones((1, 32, 4), np.float32), np.ones((1, 8, 1), np.float32))
    return VoiceLatents(checkpoint, "m", dict.fromkeys(styles, latents)).pack()


def test_a_latents_file_stands_in_for_clips(tmp_path: Path) -> None:
    raw = latents_of("glad", "calm")
    folder = voice_folder(tmp_path, "anna", settings={"language": "hu", "default_blend": {"calm": 3, "glad": 1}})
    (folder / "latents.safetensors").write_bytes(raw)
    library = VoiceLibrary(tmp_path)
    profile = library.find("anna")
    assert (profile.language, profile.checkpoint, list(profile.styles)) == ("hu", "one", ["glad", "calm"])
    digest, file = hashlib.sha256(raw).hexdigest(), str(folder / "latents.safetensors")
    assert library.resolve("anna").references == (
        Reference(file, digest, 0.25, "glad"),
        Reference(file, digest, 0.75, "calm"),
    )
    assert library.resolve("anna", "calm").references == (Reference(file, digest, 1, "calm"),)
    voice_folder(tmp_path, "bela", "calm.wav")
    assert library.find("bela").checkpoint is None
    assert library.resolve("bela").references[0].style is None


@pytest.mark.parametrize(
    ("file", "raw", "settings", "reason"),
    [
        ("calm.wav", latents_of("calm"), None, "its folder holds clips too"),
        ("notes.txt", latents_of("calm"), {"references": {"calm": "notes.txt"}}, "its folder holds clips too"),
        ("notes.txt", b"junk", None, "latents.safetensors: the latents are damaged"),
        ("notes.txt", latents_of("calm*"), None, r"style 'calm\*'"),
        ("notes.txt", latents_of("calm"), {"default_blend": {"glad": 1}}, "no style 'glad'"),
    ],
)
def test_latents_that_are_not_in_order(tmp_path: Path, file: str, raw: bytes, settings: object, reason: str) -> None:
    folder = voice_folder(tmp_path, "anna", file, settings=settings)
    (folder / "latents.safetensors").write_bytes(raw)
    with pytest.raises(BrokenVoice, match=reason) as broken:
        VoiceLibrary(tmp_path).find("anna")
    assert str(tmp_path) not in broken.value.message


def test_of_equal_names_the_first_folder_counts(tmp_path: Path) -> None:
    voice_folder(tmp_path / "own", "anna", "own.wav")
    voice_folder(tmp_path / "uploads", "anna", "uploaded.wav")
    voice_folder(tmp_path / "uploads", "bela", "uploaded.wav")
    library = VoiceLibrary(tmp_path / "own", tmp_path / "uploads", tmp_path / "nowhere")
    assert [(each.name, list(each.styles)) for each in library.profiles()] == [
        ("anna", ["own"]),
        ("bela", ["uploaded"]),
    ]
    shutil.rmtree(tmp_path / "own" / "anna")
    assert list(library.find("anna").styles) == ["uploaded"]
    voice_folder(tmp_path / "own", "bela", settings="language: [")
    with pytest.raises(BrokenVoice):  # a broken one hides it too: otherwise it would change whose voice is heard
        library.find("bela")


class Meanwhile:
    """Something that happens while a file is being read: the file is a pipe, and its reader waits at it."""

    def __init__(self, file: Path, content: bytes, happens: Callable[[], None]) -> None:
        os.mkfifo(file)
        self._arguments = file, content, happens
        self._thread = threading.Thread(target=self._wait_and_write, daemon=True)

    def _wait_and_write(self) -> None:
        file, content, happens = self._arguments
        with file.open("wb") as pipe:  # opens when its reader does
            happens()
            pipe.write(content)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive(), "nobody read the file"


def test_a_voice_that_is_deleted_while_it_is_read_is_gone(tmp_path: Path) -> None:
    folder = voice_folder(tmp_path, "anna", "calm.wav")
    library = VoiceLibrary(tmp_path)
    with Meanwhile(folder / "voice.yaml", b"", lambda: shutil.rmtree(folder)):
        assert library.find("anna") is None


def test_a_voice_that_is_replaced_while_it_is_read_is_the_new_one(tmp_path: Path) -> None:
    def replace() -> None:
        shutil.rmtree(folder)
        voice_folder(tmp_path, "anna", "glad.wav")

    folder = voice_folder(tmp_path, "anna", "calm.wav")
    library = VoiceLibrary(tmp_path)
    with Meanwhile(folder / "voice.yaml", b"references: {calm: calm.wav}", replace):
        assert list(library.find("anna").styles) == ["glad"]


class Blend(dict[str, float]):
    """Weights, and something that happens once the voice has been found and they are looked at."""

    def __init__(self, weights: dict[str, float], happens: Callable[[], None]) -> None:
        super().__init__(weights)
        self._happens = happens

    def items(self) -> ItemsView[str, float]:
        self._happens()
        self._happens = lambda: None
        return super().items()


def test_a_voice_that_is_deleted_before_its_clips_are_read_is_gone(tmp_path: Path) -> None:
    folder = voice_folder(tmp_path, "anna", "calm.wav")
    with pytest.raises(UnknownVoice):
        VoiceLibrary(tmp_path).resolve("anna", Blend({"calm": 1}, lambda: shutil.rmtree(folder)))


def test_a_voice_that_is_replaced_before_its_clips_are_read_is_the_new_one(tmp_path: Path) -> None:
    def replace() -> None:
        shutil.rmtree(folder)
        voice_folder(tmp_path, "anna", "other.wav", settings={"references": {"calm": "other.wav"}})

    folder = voice_folder(tmp_path, "anna", "calm.wav")
    (reference,) = VoiceLibrary(tmp_path).resolve("anna", Blend({"calm": 1}, replace)).references
    assert reference.path == str(folder / "other.wav")


def test_voices_are_known_without_torch() -> None:
    script = "import sys, api.voices.library; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_peoples_own_letters_however_they_are_spelled(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    """A copy from a Mac has its accents as characters of their own."""
    voice_folder(tmp_path, unicodedata.normalize(form, "Éva"), unicodedata.normalize(form, "kérdés 1.wav"))
    library = VoiceLibrary(tmp_path)
    assert [profile.name for profile in library.profiles()] == ["Éva"]
    assert library.faults() == []
    for asked in ("NFC", "NFD"):
        name, style = (unicodedata.normalize(asked, each) for each in ("Éva", "kérdés 1"))
        for style_asked in (None, style, {style: 2.0}):
            (reference,) = library.resolve(name, style_asked).references
            assert composed(Path(reference.path).name) == "kérdés 1.wav"
