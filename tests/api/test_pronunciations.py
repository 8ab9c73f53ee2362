import logging
import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from api.pronunciations import Pronunciations, ServerLexicon, parse_lexicon_file

SHAPE = TypeAdapter(Pronunciations)


@pytest.mark.parametrize("given", [None, {}, {"SQL": "sequel"}, {"hu": {"SQL": "eszkúel"}, "a b": ""}])
def test_what_may_be_given(given: object) -> None:
    assert SHAPE.validate_python(given) == given


@pytest.mark.parametrize(
    "given", [[], "SQL", {"": "x"}, {" ": "x"}, {"a": 1}, {"a": {"b": {"c": "d"}}}, {"a" * 101: "x"}, {"a": "x" * 301}]
)
def test_what_may_not(given: object) -> None:
    with pytest.raises(ValidationError, match="respellings"):
        SHAPE.validate_python(given)


def test_a_thousand_terms_are_the_most() -> None:
    with pytest.raises(ValidationError, match="1000 terms"):
        SHAPE.validate_python({"hu": {str(number): "x" for number in range(1001)}})


def test_the_servers_file_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "lexicon.yaml"
    file.write_text("SQL: sequel\n")
    lexicon = ServerLexicon(file)
    assert lexicon.terms == {"SQL": "sequel"}
    file.write_text("hu: {SQL: eszkúel}\n", encoding="utf-8")
    assert lexicon.terms == {"hu": {"SQL": "eszkúel"}}
    with caplog.at_level(logging.ERROR):
        file.write_text("- no\n- mapping at all\n")
        assert lexicon.terms == {"hu": {"SQL": "eszkúel"}}
    assert "lexicon.yaml" in caplog.text
    os.remove(file)
    assert lexicon.terms == {"hu": {"SQL": "eszkúel"}}


def test_no_file_no_terms() -> None:
    assert ServerLexicon(None).terms == {}


def test_a_file_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "lexicon.yaml"
    file.write_text("[")
    with pytest.raises(ValueError, match="YAML"):
        parse_lexicon_file(str(file))
    with pytest.raises(ValueError, match="No such file"):
        parse_lexicon_file(str(tmp_path / "none.yaml"))
