"""What `make check-model` says of models here and elsewhere."""

from pathlib import Path

import pytest

from runners.checkpoint.look import look_at
from runners.config import EngineConfig
from runners.errors import ConfigurationError
from runners.models.check import check_model
from tests import checkpoints
from tests.file_server import FileServer


def check(source: object, tmp_path: Path, **environ: str) -> dict[str, str]:
    config = EngineConfig.from_env({"XTTS_CACHE_DIR": str(tmp_path / "cache"), **environ})
    verdict, *facts = check_model(str(source), config).splitlines()
    assert verdict == f"{source} can be served."
    return dict(fact.split(maxsplit=1) for fact in facts)


def test_folder(hum: Path, tmp_path: Path) -> None:
    facts = check(hum, tmp_path)
    assert facts.keys() == {"layout", "sizes", "languages", "speakers", "precision", "memory", "licence"}
    assert facts["layout"] == "upstream's, in model.pth"
    assert facts["speakers"] == ", ".join(look_at(hum).speakers)
    assert facts["licence"].startswith("none of Coqui's")


def test_dump_with_a_language_of_its_own(hum: Path, tmp_path: Path) -> None:
    own, dump = tmp_path / "own", tmp_path / "dump"
    for folder in (own, dump):
        folder.mkdir()
    checkpoints.own_language(hum, own)
    checkpoints.dump(own, dump)
    (dump / "LICENSE.txt").write_text("Coqui Public Model License 1.0.0")
    facts = check(dump / "model.pth", tmp_path, COQUI_TOS_AGREED="1")
    assert facts["layout"].startswith("a trainer's dump, in model.pth, 0.2")
    assert facts["languages"].endswith("hi, vi (read letter by letter: upstream does not know it)")
    assert facts["licence"] == "Coqui Public Model License, non-commercial: agreed to"


def test_of_a_remote_model_only_the_indexes_come(hum: Path, tmp_path: Path) -> None:
    files = {f"tuned/{path.name}": path.read_bytes() for path in hum.iterdir()}
    with FileServer(files) as server:
        facts = check(f"{server.url}/tuned", tmp_path)
        assert facts["licence"].endswith("starts with COQUI_TOS_AGREED=1 only")
        assert server.sent < 0.5 * sum(map(len, files.values()))
        files["tuned/vocab.json"] = b"version https://git-lfs.github.com/spec/v1"
        with pytest.raises(
            ConfigurationError, match=f"^XTTS_MODEL: {server.url}/tuned: vocab.json is a Git LFS pointer"
        ):
            check(f"{server.url}/tuned", tmp_path)
    assert not (tmp_path / "cache").exists()
