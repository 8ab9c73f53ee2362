"""What an operator touches: the log, several workers, and a public process that stays light."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx

from tests.bentoml_patches.server import addresses, watched
from tests.service.server import ROOT, Server, serving


def test_the_log_holds_no_bodies_of_bad_requests(server: Server) -> None:
    with server.client() as client:
        assert client.post("/generate/simple", json={"text": "a", "sped": "Titkos szöveg"}).status_code == 422
        assert client.head("/health").status_code == 200
    log = server.log.read_text()
    assert '"status": 422' in log
    assert "Titkos" not in log
    assert "Traceback" not in log


def has_torch(supervisor: Server) -> bool:
    """It would keep the memory, had it made the demo voice itself."""
    return "libtorch" in Path(f"/proc/{supervisor.process.pid}/maps").read_text()


async def test_several_workers_say_the_same(tmp_path: Path, server: Server) -> None:
    """Two runner processes start at once on an empty cache, and either may get any request."""
    environ = {"XTTS_CACHE_DIR": str(tmp_path / "cache"), "XTTS_WORKERS": "2", "XTTS_SLOTS": "2", **watched(tmp_path)}
    bodies = [{"text": "Jó napot!", "seed": seed, "output_format": "wav"} for seed in (1, 2)] * 4
    with serving(tmp_path, environ) as workers:
        async with httpx.AsyncClient(base_url=workers.url, timeout=120) as client:
            answers = await asyncio.gather(*(client.post("/generate/simple", json=body) for body in bodies))
        assert workers.log.read_text().count("is loaded on cpu") == 2
        assert not has_torch(workers)
    assert addresses(tmp_path) <= {"127.0.0.1", "localhost"}  # nobody elsewhere is called
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    assert len({answer.content for answer in answers}) == 2
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        assert (await client.post("/generate/simple", json=bodies[0])).content == answers[0].content


def test_the_public_process_imports_no_torch() -> None:
    code = "import service, sys; sys.exit(bool({'torch', 'TTS', 'librosa'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
