"""Two servers, processes with nothing in common but a volume: what one has heard, the other need not hear again."""

import re
from pathlib import Path

from tests.service.server import ROOT, Server, serving

SAY = {"text": "Jó napot kívánok!", "voice": "shared", "seed": 11, "output_format": "wav"}


def spoken(server: Server) -> bytes:
    with server.client() as client:
        answer = client.post("/generate/simple", json=SAY)
    assert answer.status_code == 200, answer.text
    return answer.content


def lookups(server: Server) -> dict[str, int]:
    """How often its runner found latents in memory, on disk, or not at all."""
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.findall(r'^xtts_latents_lookups_total\{result="(\w+)"\} (\d+)', text, re.MULTILINE)
    return {result: int(count) for result, count in found}


def test_what_the_first_has_heard_is_the_seconds_hit(server: Server, tmp_path: Path, cache_dir: Path) -> None:
    with server.client() as client:
        clip = (ROOT / "references" / "default" / "question.flac").read_bytes()
        uploaded = client.post("/voices", data={"name": "shared"}, files={"loud": ("loud.flac", clip + b"\0")})
    assert uploaded.status_code == 201, uploaded.text
    audio = spoken(server)
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_DATA_DIR": str(server.log.parent / "data"), "XTTS_SLOTS": "2"}
    with serving(tmp_path, environ) as second:
        assert spoken(second) == audio
        assert lookups(second) == {"memory": 0, "disk": 1, "bucket": 0, "miss": 0}
    with server.client() as client:
        assert client.delete("/voices/shared").status_code == 204
