"""What would be read: the voice's own respellings come after the request's."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.config import ServerConfig
from api.errors import UnknownVoice
from api.language import LanguageDetector
from api.normalize import router
from api.plan import Planner
from api.voices.library import VoiceLibrary
from tests.api.fake_runner import FakeRunner


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "calm.wav").write_bytes(b"a clip")
    (tmp_path / "anna" / "voice.yaml").write_text("pronunciations: {SQL: eszkúel, API: épéí}")
    app = FastAPI()
    app.include_router(router)
    runner = FakeRunner()
    app.state.planner = Planner(ServerConfig.from_env({}), runner.client(), VoiceLibrary(tmp_path), LanguageDetector())
    return TestClient(app)


@pytest.mark.parametrize(
    ("more", "read"),
    [
        ({"voice": "anna"}, "az épéít meg az eszkúel"),
        ({"voice": "anna", "pronunciations": {"SQL": "szíkvöl"}}, "az épéít meg az szíkvöl"),
        ({}, "az ápéit meg az eskúel"),
        ({"voice": "Demo Low"}, "az ápéit meg az eskúel"),
    ],
)
def test_the_nearest_respelling_wins(client: TestClient, more: dict[str, object], read: str) -> None:
    answer = client.post("/normalize", json={"text": "az API-t meg az SQL", "language": "hu", **more})
    assert answer.json()["text"] == read


def test_an_unknown_voice(client: TestClient) -> None:
    with pytest.raises(UnknownVoice):
        client.post("/normalize", json={"text": "a", "language": "hu", "voice": "nobody"})
