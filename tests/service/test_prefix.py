"""Page, documentation, examples and clients behind a real nginx that puts the server at a prefix."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets import Origin
from websockets.sync.client import connect

from tests.nginx import needs_nginx, nginx
from tests.service.server import ROOT, Server
from tests.service.test_live import send, until

pytestmark = needs_nginx


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, prefixed: Server) -> Iterator[str]:
    with nginx(tmp_path_factory.mktemp("proxy"), prefixed.url) as url:
        with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
            client.get(url)  # until it listens
        yield url


@pytest.fixture(params=["/speech", "/left", "/silent"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_pages_and_their_files(proxy: str, prefix: str) -> None:
    for path in ("/", "/docs"):
        page = httpx.get(f"{proxy}{prefix}{path}")
        assert f'<base href="{prefix}/">' in page.text
        files = re.findall(r'(?:src|href)="\./([\w./-]+\.\w+)"', page.text)
        assert len(files) > 2
        for file in files:
            assert httpx.get(f"{proxy}{prefix}/{file}").status_code == 200


def test_the_documents_server_and_its_examples(proxy: str, prefix: str) -> None:
    document = httpx.get(f"{proxy}{prefix}/docs.json").json()
    assert document["servers"] == [{"url": prefix}]
    body = document["paths"]["/generate/simple"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        answer = httpx.post(
            f"{proxy}{document['servers'][0]['url']}/generate/simple", json=example["value"], timeout=300
        )
        assert (answer.status_code, answer.headers["content-type"]) == (200, answer.headers["content-type"])
        assert answer.headers["content-type"].startswith("audio/")


def test_addresses_in_answers_lead_back(proxy: str, prefix: str) -> None:
    with httpx.Client(timeout=300) as client:
        preview = client.get(f"{proxy}{prefix}/speakers").json()[0]["preview_url"]
        assert preview.startswith(f"{proxy}{prefix}/sample/")
        assert client.get(preview).headers["content-type"] == "audio/wav"
        clip = (ROOT / "references" / "default" / "question.flac").read_bytes()
        made = client.post(f"{proxy}{prefix}/voices", data={"name": "Éva"}, files={"kérdés": ("a.flac", clip)})
        assert made.status_code == 201, made.text
        voice = f"{proxy}{made.headers['location']}"
        assert client.get(voice).json()["name"] == "Éva"
        speech = client.post(f"{proxy}{prefix}/v1/audio/speech", json={"model": "x", "input": "Szia!", "voice": "Éva"})
        assert (speech.status_code, speech.headers["content-type"]) == (200, "audio/mpeg")
        assert client.delete(voice).status_code == 204


def test_live_text(proxy: str, prefix: str) -> None:
    """As a page of the same address sends it: its origin is the host that the proxy passes on."""
    address = f"{proxy.replace('http', 'ws')}{prefix}/generate/live"
    with connect(address, origin=Origin(proxy), open_timeout=60) as socket:
        send(socket, "start", language="hu")
        send(socket, "text", text="Mi az?")
        send(socket, "close")
        assert until(socket, "utterance_ended")[1]


def test_a_batch_file(proxy: str, tmp_path: Path) -> None:
    (tmp_path / "batch.json").write_text(json.dumps({"samples": [{"id": "kérdés 1", "text": "Ki írta?"}]}))
    command = [sys.executable, "-m", "client", str(tmp_path / "batch.json"), "--output", str(tmp_path)]
    done = subprocess.run(
        [*command, "--server", f"{proxy}/speech"], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kérdés 1.mp3").stat().st_size > 500
