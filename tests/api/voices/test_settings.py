"""What is written into a voice.yaml is what is read from it, whatever YAML makes of such words."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.voices.settings import VoiceSettings, read_settings

names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)


@given(
    st.builds(
        VoiceSettings,
        language=st.none() | st.from_regex(r"[a-z]{2,3}(-[a-z]{2})?", fullmatch=True),
        references=st.none() | st.dictionaries(names, names, min_size=1, max_size=3),
        default_blend=st.none() | st.dictionaries(names, st.floats(0, 1e9), min_size=1, max_size=3),
        licence=st.none() | st.text(max_size=20),
    )
)
@example(VoiceSettings(language="no", references={"on": "yes", "1": "null", "1e3": "0x1"}, default_blend={"on": 1.0}))
@example(VoiceSettings(licence="\x85"))
@example(VoiceSettings(licence="a\u2028\r\nb"))
@settings(max_examples=100, deadline=None)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, settings: VoiceSettings) -> None:
    file: Path = tmp_path_factory.mktemp("voice") / "voice.yaml"
    file.write_bytes(settings.to_yaml())
    assert read_settings(file) == settings
    assert list(read_settings(file).references or ()) == list(settings.references or ())  # styles keep their order
