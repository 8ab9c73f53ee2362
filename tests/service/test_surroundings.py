"""A server where little may be written, for a user whom the machine does not know, and with no network."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runners.models.download import download
from tests.fake_hub import hub_files
from tests.file_server import FileServer
from tests.hum import KERNELS
from tests.service.server import ROOT, free_port, serving, start

REPO = "someone/hum"
NOBODY = "http://127.0.0.1:9"
STRANGER = "54321"  # has no entry in passwd
READ_ONLY = f"""\
mount --bind "$1" "$1" && mount -o remount,ro,bind / && shift &&
exec unshare --user --map-user={STRANGER} --map-group={STRANGER} "$@"
"""


def within(writable: Path) -> list[str]:
    """All but that folder is read-only, and the user is a stranger."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh", str(writable)]


@pytest.fixture
def writable(tmp_path: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # sockets' paths are short
    (folder / "tmp").mkdir()
    look = ["sh", "-c", 'id -u; touch "$0" "$1"', str(folder / "y"), str(tmp_path / "x")]
    done = subprocess.run([*within(folder), *look], capture_output=True, text=True, check=False)
    if not done.stdout:
        pytest.skip("takes user namespaces")
    assert done.stdout == f"{STRANGER}\n"
    assert (folder / "y").exists()
    assert not (tmp_path / "x").exists()
    yield folder
    shutil.rmtree(folder)


def test_it_serves_a_model_that_came_before(writable: Path, hum: Path, tmp_path: Path) -> None:
    """HOME is /, the rest of the disk can only be read, and every proxy is dead."""
    environ = {
        "HOME": "/",
        "TMPDIR": str(writable / "tmp"),
        "BENTOML_HOME": str(writable / "tmp" / "bentoml"),
        "XTTS_CACHE_DIR": str(writable / "cache"),
        "XTTS_DATA_DIR": str(writable / "data"),
        "XTTS_MODEL": f"hf://{REPO}@main",
        "COQUI_TOS_AGREED": "1",
        "XTTS_LOG_FORMAT": "text",
        **{name: NOBODY for proxy in ("http_proxy", "https_proxy", "all_proxy") for name in (proxy, proxy.upper())},
        "no_proxy": "",
        "NO_PROXY": "",
    }
    files = {path.name: path.read_bytes() for path in hum.iterdir() if path.is_file()}
    with FileServer(hub_files(REPO, files)) as hub:
        download(f"hf://{REPO}@main", None, writable / "cache" / "models", endpoint=hub.url)
    if KERNELS.exists():  # compiled before, too
        shutil.copytree(KERNELS, writable / "cache" / "kernels")
    clip = (ROOT / "references" / "default" / "neutral.flac").read_bytes()
    with serving(tmp_path, environ, within(writable)) as server:
        with server.client() as client:
            assert client.get("/health").json()["model"] == f"hf://{REPO}@main"
            uploaded = client.post("/voices", data={"name": "anna"}, files={"neutral": ("n.flac", clip)})
            assert uploaded.status_code == 201, uploaded.text
            for body in ({"text": "Jó napot!", "voice": "anna"}, {"text": "Jó napot!", "output_format": "mp3"}):
                said = client.post("/generate/simple", json=body)
                assert said.status_code == 200, said.text
            samples = {"samples": [{"id": "a", "text": "Jó napot!"}]}
            task = client.post("/generate/long/submit", json=samples).raise_for_status().json()["task_id"]
            result = wait_for(client, task)
        assert result.status_code == 200, result.text
        log = server.log.read_text()
    assert "Traceback" not in log
    assert "rror" not in log, log


def wait_for(client: httpx.Client, task: str) -> httpx.Response:
    end = time.monotonic() + 120
    while client.get("/generate/long/status", params={"task_id": task}).json()["status"] in ("pending", "in_progress"):
        assert time.monotonic() < end
        time.sleep(0.2)
    return client.get("/generate/long/get", params={"task_id": task})


def test_it_says_what_to_set_where_nothing_may_be_written(writable: Path, tmp_path: Path) -> None:
    environ = {
        "HOME": "/",
        "BENTOML_HOME": str(writable),
        "TMPDIR": str(writable),
        "XTTS_DATA_DIR": "",
        "XTTS_CACHE_DIR": "",
    }
    server = start(tmp_path, environ, free_port(), within(writable))
    assert server.process.wait(timeout=180) == 1
    assert server.log.read_text().splitlines() == [
        f"XTTS_{name}_DIR=/{default}/xtts-bento: must be a folder that the server may read or make"
        for name, default in (("CACHE", ".cache"), ("DATA", ".local/share"))
    ]


@pytest.mark.parametrize(
    ("folder", "fault"),
    [
        ("/proc", "a folder that the server may write to"),
        ("{writable}/" + "a" * 60, "a path of at most 60 bytes: there are sockets in it"),
    ],
)
def test_it_says_what_to_set_where_there_can_be_no_temporary_files(
    writable: Path, tmp_path: Path, folder: str, fault: str
) -> None:
    folder = folder.format(writable=writable)
    Path(folder).mkdir(exist_ok=True)
    environ = {"TMPDIR": folder, "BENTOML_HOME": str(writable), "XTTS_CACHE_DIR": str(writable / "cache")}
    server = start(tmp_path, environ, free_port(), within(writable))
    assert server.process.wait(timeout=180) == 1
    assert server.log.read_text().splitlines() == [f"TMPDIR={folder}: must be {fault}"]
