"""Two servers, processes with nothing in common but a volume: what one has heard, the other need not hear again."""

from pathlib import Path

from tests.service.server import ROOT, Server, serving

SAY = {"text": "Jó napot kívánok!", "voice": "shared", "seed": 11, "output_format": "wav"}


def spoken(server: Server) -> bytes:
    with server.client() as client:
        answer = client.post("/generate/simple", json=SAY)
    assert answer.status_code == 200, answer.text
    return answer.content


def latents(cache_dir: Path) -> dict[str, tuple[int, int]]:
    """Which files there are: one that is computed anew is a new file, renamed into the place of the old."""
    files = (cache_dir / "latents").rglob("*.safetensors")
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def test_what_the_first_has_heard_is_the_seconds_hit(server: Server, tmp_path: Path, cache_dir: Path) -> None:
    before = latents(cache_dir)
    with server.client() as client:
        clip = (ROOT / "references" / "default" / "question.flac").read_bytes()
        uploaded = client.post("/voices", data={"name": "shared"}, files={"loud": ("loud.flac", clip + b"\0")})
    assert uploaded.status_code == 201, uploaded.text
    audio = spoken(server)
    heard = latents(cache_dir)
    assert len(heard) == len(before) + 1
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_DATA_DIR": str(server.log.parent / "data"), "XTTS_SLOTS": "2"}
    with serving(tmp_path, environ) as second:
        with second.client() as client:
            assert client.get("/voices/shared").status_code == 200
        assert spoken(second) == audio
    assert latents(cache_dir) == heard
    with server.client() as client:
        assert client.delete("/voices/shared").status_code == 204
