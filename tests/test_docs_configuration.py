"""The configuration table of the docs and the code name the same variables, with the same defaults."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from api.config import ServerConfig
from runners.config import EngineConfig

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| `((?:XTTS|COQUI)_\w+)` \| (?:`([^`]*)`)?")
ROWS = dict(
    ROW.match(line).groups()
    for line in (ROOT / "docs" / "configuration.md").read_text().splitlines()
    if ROW.match(line)
)


class Recorder(Mapping[str, str]):
    """An environment without variables that remembers which were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_table_names_exactly_the_variables_that_are_read():
    environ = Recorder()
    EngineConfig.from_env(environ)
    ServerConfig.from_env(environ)
    assert set(ROWS) == environ.asked - {"XDG_CACHE_HOME", "XDG_DATA_HOME"}


def test_table_names_every_variable_that_the_code_mentions():
    files = [*ROOT.glob("*.py"), *ROOT.glob("api/**/*.py"), *ROOT.glob("runners/**/*.py")]
    mentioned = {name for file in files for name in re.findall(r"\bXTTS_[A-Z_]+\b", file.read_text())}
    assert mentioned - {"XTTS_API_KEY"} <= set(ROWS)  # the batch command's own, which its --help explains


@pytest.mark.parametrize(("name", "default"), [(name, default) for name, default in ROWS.items() if default])
def test_default_in_the_table_is_the_default_of_the_code(name: str, default: str):
    assert EngineConfig.from_env({name: default}) == EngineConfig.from_env({})
    assert ServerConfig.from_env({name: default}) == ServerConfig.from_env({})
