"""What an upload may cost: small files that stand for gigabytes, sent to the routes in a process of their own."""

import io
import json
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from tests.api.recordings import speech

ROOT = Path(__file__).parents[3]
MOST = 300_000  # kB over an idle server

SCRIPT = """
import asyncio, json, re, resource, sys
from pathlib import Path
from tests.api.recordings import file_of, speech
from tests.api.voices.test_routes import clip, named, site_in

def kilobytes(name):
    return int(re.search(rf"{name}:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

async def main(folder, *clips):
    site = site_in(Path(folder))
    async with site.http:
        await site.upload([named(), clip("warm", file_of(speech(4)))])
        parts = [named("bela"), *(clip(f"s{number}", Path(file).read_bytes()) for number, file in enumerate(clips))]
        request = site.http.build_request("POST", "/voices", files=parts)
        request.read()
        idle = kilobytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        response = await site.http.send(request)
        peak, left = kilobytes("VmHWM") - idle, kilobytes("VmRSS") - idle
        decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(json.dumps([response.status_code, response.text, peak, left, decoder]))

asyncio.run(main(*sys.argv[1:]))
"""


def uploaded(folder: Path, *clips: Path) -> tuple[int, str, int, int, int]:
    """Status and text, and in kB over idle: the peak, what stays, and the decoder's peak."""
    command = [sys.executable, "-c", SCRIPT, str(folder / "site"), *map(str, clips)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    status, text, peak, left, decoder = json.loads(done.stdout)
    return status, text, peak, left, decoder


def flac_without_a_total(file: Path, rate: int, layout: str, seconds: int) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", f"anullsrc=r={rate}:cl={layout}"]
    command += ["-t", str(seconds), "-c:a", "flac", "-compression_level", "0", "-f", "flac", "pipe:1"]
    with file.open("wb") as out:
        subprocess.run(command, stdout=out, check=True)
    return file


@pytest.mark.parametrize(
    ("rate", "layout", "seconds", "reason"),
    [
        (655_350, "7.1", 60, "sample rate is 655350 Hz"),  # 1.3 GB as float32
        (192_000, "7.1", 40, "the clip is silent"),  # 245 MB, of which one channel is held
    ],
)
def test_a_small_file_that_stands_for_gigabytes(
    tmp_path: Path, rate: int, layout: str, seconds: int, reason: str
) -> None:
    bombs = [flac_without_a_total(tmp_path / "bomb.flac", rate, layout, seconds)] * 2
    status, text, peak, left, decoder = uploaded(tmp_path, *bombs)
    assert (status, json.loads(text)["error"]["type"]) == (422, "unfit_clip")
    assert reason in text
    assert peak < MOST
    assert left < 50_000
    assert decoder < MOST


def test_the_largest_upload_that_is_taken(tmp_path: Path) -> None:
    """Clips as long and as fast sampled as they may be: 92 MB of float32 each."""
    clip = np.concatenate([np.zeros(80 * 192_000, np.float32), speech(39, 192_000)])
    file = io.BytesIO()
    soundfile.write(file, np.stack([clip] * 2, axis=1), 192_000, "PCM_16", format="FLAC")
    assert len(file.getvalue()) < 32 * 2**20
    (tmp_path / "clip.flac").write_bytes(file.getvalue())
    status, text, peak, left, _ = uploaded(tmp_path, *[tmp_path / "clip.flac"] * 2)
    assert status == 201, text
    assert peak < MOST
    assert left < 100_000  # two clips' bytes, which the allocator may keep
