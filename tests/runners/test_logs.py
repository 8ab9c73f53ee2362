"""Every line one object, whatever is in it; and the request's id on each."""

import io
import json
import logging
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.logs import JsonLines, TextLines, formatter, still
from runners.request_id import FIT, id_for, request_id


def record(message: str, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("runners.synthesizer", logging.INFO, "file.py", 1, "%s", (message,), None)
    made.__dict__.update(more)
    return made


@given(st.text(), st.dictionaries(st.sampled_from(["seconds", "voice"]), st.text() | st.floats(), max_size=2))
@settings(max_examples=50)
def test_a_line_of_json_is_one_line_and_says_it_all(message: str, fields: dict[str, object]) -> None:
    line = JsonLines().format(record(message, fields=fields, component="[service:XTTSRunner:1]"))
    assert len(line.splitlines()) == 1
    said = json.loads(line)
    assert (said["message"], said["level"], said["component"]) == (message, "info", "service:XTTSRunner:1")
    assert said["time"].endswith("+00:00")
    assert fields.keys() <= said.keys()


def test_what_takes_long_is_reported_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with still("It goes on", logging.getLogger("runners"), every=0.05):
        time.sleep(0.3)
    seen = len(caplog.messages)
    assert seen >= 2
    assert set(caplog.messages) == {"It goes on (0 s)"}
    time.sleep(0.2)
    assert len(caplog.messages) == seen


def test_both_forms_bear_the_id_and_the_fields() -> None:
    token = request_id.set("abc-1")
    try:
        made = record("POST /generate/simple", fields={"status": 200})
        assert json.loads(JsonLines().format(made))["request_id"] == "abc-1"
        assert TextLines("%(message)s").format(made) == "POST /generate/simple request_id=abc-1 status=200"
    finally:
        request_id.reset(token)
    assert "request_id" not in json.loads(JsonLines().format(made))


def test_an_exception_is_in_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        made = record("It failed", exc_info=sys.exc_info())
    assert "ValueError: no" in json.loads(JsonLines().format(made))["exception"]


def test_auto_is_text_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for form, stream, expected in (
        ("auto", Terminal(), TextLines),
        ("auto", io.StringIO(), JsonLines),
        ("json", Terminal(), JsonLines),
        ("text", io.StringIO(), TextLines),
    ):
        assert type(formatter(form, logging.StreamHandler(stream))) is expected


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_an_id_is_always_fit_for_a_header_and_a_line(presented: str) -> None:
    named = id_for(presented)
    assert FIT.fullmatch(named)
    assert (named == presented) == bool(FIT.fullmatch(presented))


def test_ids_as_they_are_common_are_kept() -> None:
    for presented in (
        "7f3e2a9c-0b1d-4c57-9e11-0a6f4f0a7c11",
        "req_011CQ/x:1",
        "Root=1-67891233-abcdef0123456789",
    ):
        assert id_for(presented) == presented
    for presented in ("", "a b", "a\nb", "ő", "x" * 129, 'a"b'):
        assert id_for(presented) != presented
