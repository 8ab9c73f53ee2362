"""What the running image must do, over HTTP and from within. A check raises AssertionError or says what it saw."""

import io
import socket
import threading
import time
from collections.abc import Mapping

import httpx
import soundfile

from deploy.image_test.container import Container

SENTENCE = "Melyik nagy költőnk írta a Szózatot? Gondold meg jól, mielőtt válaszolsz!"
SIMPLE = {"text": "Jó napot kívánok!", "output_format": "wav", "seed": 3}
SEGMENTED = {
    "segments": [{"text": "Jó napot kívánok!", "pause_after": 0.5}, {"text": "Kezdődjön a játék!"}],
    "output_format": "flac",
}
LONG = {"segments": [{"text": SENTENCE}] * 20, "output_format": "wav"}
INSIDE = {  # what a command must print: also of what is absent something that is there, or else it may just have failed
    "it is not root": ("id -u", "1034"),
    "it has no capabilities": ("grep -hE 'Cap(Prm|Eff|Bnd)' /proc/1/status | cut -f2 | sort -u", "0" * 16),
    "it cannot gain privileges": ("grep NoNewPrivs /proc/1/status | cut -f2", "1"),
    "its files cannot be written": (
        "touch /app/x /home/bentoml/x /usr/x 2>/dev/null; ls -d /app/. /app/x /home/bentoml/x /usr/x 2>/dev/null",
        "/app/.",
    ),
    "there is no compiler": (
        "for name in sh cc gcc g++ clang make; do command -v $name > /dev/null && echo $name; done",
        "sh",
    ),
    "there are no weights": (
        "find /home/bentoml /app '(' -name '*.pth' -size +1M ')' -o -path '*/src/service.py'",
        "/home/bentoml/bento/src/service.py",
    ),
    "there are no tests, benchmarks or deploy files": (
        "cd /home/bentoml/bento/src && ls -d api tests benchmarks deploy 2>/dev/null",
        "api",
    ),
    "nobody has agreed to the licence": (
        "tr '\\0' '\\n' < /proc/1/environ | grep -oE '^(PORT|COQUI_TOS_AGREED)='",
        "PORT=",
    ),
}
INSIDE_AS_ROOT = {
    "there is no package cache": (
        "ls -d /root/. /root/.cache /home/bentoml/.cache /var/lib/apt/lists/*_* 2>/dev/null",
        "/root/.",
    ),
}


def wait_until_ready(url: str, container: Container, seconds: float = 600) -> float:
    """Seconds from the container's start to the first 200 of /readyz."""
    while time.monotonic() - container.started < seconds:
        assert container.running(), container.log()
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return time.monotonic() - container.started
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not ready after {seconds:.0f} s:\n{container.log()}")


def inside(container: Container) -> list[str]:
    """What holds of the container, seen from within."""
    for user, claims in ((None, INSIDE), ("0", INSIDE_AS_ROOT)):
        for claim, (command, expected) in claims.items():
            seen = container.shell(command, user)
            assert seen == expected, f"{claim}: {command!r} printed {seen!r}"
    return [*INSIDE, *INSIDE_AS_ROOT]


def speaks(url: str, route: str, body: Mapping[str, object]) -> str:
    answer = httpx.post(f"{url}{route}", json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    audio, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == 24000
    assert audio.ndim == 1
    assert abs(audio).max() > 0.01, "silence"
    announced = float(answer.headers["x-audio-duration"])
    assert abs(len(audio) / rate - announced) < 0.01, f"{announced} s announced, {len(audio) / rate} s there"
    return f"{len(audio) / rate:.1f} s of audio"


def streams(url: str) -> str:
    with httpx.stream("POST", f"{url}/generate/stream", json=SIMPLE, timeout=120) as answer:
        assert answer.status_code == 200, answer.read()
        chunks = [len(chunk) for chunk in answer.iter_raw()]
    assert sum(chunks) > 10_000
    return f"{sum(chunks)} bytes in {len(chunks)} chunks"


def reports(url: str) -> str:
    health = httpx.get(f"{url}/health", timeout=10).json()
    assert (health["status"], health["model_loaded"], health["demo"]) == ("ok", True, True), health
    metrics = httpx.get(f"{url}/metrics", timeout=10)
    assert metrics.status_code == 200
    assert "xtts_requests_total" in metrics.text
    return f"{len(metrics.text.splitlines())} lines of metrics"


def serves(url: str, model: str) -> str:
    health = httpx.get(f"{url}/health", timeout=10).json()
    assert health["model"] == model, health
    return speaks(url, "/generate/simple", SIMPLE)


def drains(url: str, container: Container) -> str:
    """SIGTERM during a request: it is finished, a new one is refused at once, and the exit code is 0."""
    answers: list[httpx.Response] = []
    request = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{url}/generate/segmented", json=LONG, timeout=600))
    )
    request.start()
    while not httpx.get(f"{url}/health", timeout=10).json()["slots"]["live"]:
        assert request.is_alive(), answers
        time.sleep(0.05)
    container.terminate()
    at = time.monotonic()
    time.sleep(1)
    assert request.is_alive(), "the request was over before it could be interrupted"
    assert _refused(url), "a new connection was accepted"
    request.join()
    finished = time.monotonic() - at
    code = container.wait(60)
    assert code == 0, f"exit code {code}:\n{container.log()}"
    assert [answer.status_code for answer in answers] == [200]
    ended = time.monotonic() - at
    return f"the request in flight was finished after {finished:.1f} s, the container ended after {ended:.1f} s"


def ends_without_its_runner(container: Container) -> str:
    """Whoever runs the container sees that it is of no use, and starts another."""
    container.shell("for p in /proc/[0-9]*; do grep -qa '[X]TTSRunner' $p/cmdline && kill -9 ${p#/proc/}; done")
    code = container.wait(60)
    assert code != 0, container.log()
    return f"the container ended with code {code}"


def _refused(url: str) -> bool:
    address = httpx.URL(url)
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex((address.host, address.port or 80)) != 0
