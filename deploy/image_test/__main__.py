"""The order of things: base, bento, image, what it weighs, what it does, what it refuses, what was not tried."""

import argparse
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage, which

import yaml

from deploy.image_test import checks
from deploy.image_test.container import HARDENED, Container
from deploy.image_test.engine import Engine
from deploy.image_test.workshop import Workshop

TAG = "xtts:image-test"
BAKED = "demo-model:1"
BENTOML = Path(sys.executable).with_name("bentoml")
ROOM = 26e9  # bytes: a layer of packages is there three times while it is made
TOOLS = ("buildah", "podman", "runc", "debootstrap")
A_GPU = "a GPU (everything ran on the CPU, with the demo model)"
THE_BASE = (
    "the real base (a Debian stood in for it, so Ubuntu's apt and uv's own download of Python 3.11 were not tried)"
)
DOCKER = "docker and its BuildKit (buildah built, podman ran)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.image_test", description="Tries an image of the server, hardened.")
    parser.add_argument("image", nargs="?", help="of the engine's; without it one is built on a stand-in for the base")
    parser.add_argument("--baked", metavar="IMAGE", help=f"another of the engine's, which has the model {BAKED} in it")
    parser.add_argument("--engine", choices=("docker", "podman"), default="docker")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what was made is then removed as well
    if arguments.image:
        engine = Engine(arguments.engine, os.environ)
        try_image(engine, arguments.image)
        if arguments.baked:
            try_baked(engine, arguments.baked)
        not_covered = [A_GPU]
    else:
        build_and_try()
        not_covered = [THE_BASE, A_GPU, DOCKER]
    print("Hardened by", *HARDENED)
    print("Not covered:", *not_covered, sep="\n  - ")


def build_and_try() -> None:
    missing = [tool for tool in TOOLS if not which(tool)]
    if missing:
        sys.exit(f"image-test needs {', '.join(missing)}: apt-get install --no-install-recommends {' '.join(TOOLS)}")
    if (free := disk_usage("/var/tmp").free) < ROOM:
        sys.exit(f"image-test needs {ROOM / 1e9:.0f} GB in /var/tmp, where there are {free / 1e9:.0f}")
    with Workshop(Path(tempfile.mkdtemp(prefix="image-test-", dir="/var/tmp"))) as workshop:
        build(workshop)
        try_image(workshop.engine, f"localhost/{TAG}")
        workshop.engine.run("rmi", f"localhost/{TAG}")  # room for the next one, with which it shares little
        bake(workshop)
        try_baked(workshop.engine, f"localhost/{TAG}-baked")


def build(workshop: Workshop) -> None:
    base = yaml.safe_load(Path("bentofile.yaml").read_text())["docker"]["base_image"]
    with timed(f"stand-in for {base}"):
        workshop.import_base(base, ["python3", "python3-venv", "ca-certificates"])
    with timed("bento"):
        workshop.run(BENTOML, "build")
    with timed("image"):
        containerize(workshop, TAG)


def bake(workshop: Workshop) -> None:
    """A model of the store in the image, which then needs no volume and no network to serve it."""
    bentofile = workshop.folder / "bentofile.yaml"
    with timed(f"image with {BAKED} in it"):
        workshop.run(sys.executable, "-m", "runners.models.importing", "demo", BAKED)
        bentofile.write_text(workshop.run(sys.executable, "deploy/bake.py", BAKED))
        workshop.run(BENTOML, "build", "--bentofile", bentofile, ".")
        containerize(workshop, f"{TAG}-baked")


def containerize(workshop: Workshop, tag: str) -> None:
    workshop.run(BENTOML, "containerize", "xtts:latest", "--backend=buildah", "--opt=pull-never", "-t", tag)


def try_image(engine: Engine, image: str) -> None:
    weigh(engine, image)
    with engine.volume() as volume:
        try_out(engine, image, volume)
        gate(engine, image, volume)


def weigh(engine: Engine, image: str) -> None:
    print("Layers:")
    for size, made in engine.layers(image):
        print(f"  {size:>9}  {' '.join(made.split())[:110]}", flush=True)


def try_out(engine: Engine, image: str, volume: str) -> None:
    """With the demo model, twice on one volume: the second start finds what the first has left there."""
    url, environ = address()
    with Container(engine, image, volume, environ) as container:
        say("ready, on an empty volume", lambda: f"{checks.wait_until_ready(url, container):.1f} s after its start")
        for claim in checks.inside(container):
            print(f"  ok  {claim}")
        say("simple", lambda: checks.speaks(url, "/generate/simple", checks.SIMPLE))
        say("segmented", lambda: checks.speaks(url, "/generate/segmented", checks.SEGMENTED))
        say("stream", lambda: checks.streams(url))
        say("health and metrics", lambda: checks.reports(url))
        say("SIGTERM during a request", lambda: checks.drains(url, container))
    with Container(engine, image, volume, environ) as container:
        say("ready, on a volume in use", lambda: f"{checks.wait_until_ready(url, container):.1f} s after its start")
        say("the runner is killed", lambda: checks.ends_without_its_runner(container))


def gate(engine: Engine, image: str, volume: str) -> None:
    """With the real weights, and nobody who has agreed to their licence."""
    with Container(engine, image, volume, {"XTTS_MODEL": "hf://coqui/XTTS-v2"}) as container:
        code = container.wait(60)
        assert code != 0, "the container served weights whose licence nobody accepted"
        assert "set COQUI_TOS_AGREED" in container.log(), container.log()
        print(f"  ok  licence not accepted: the container ended with code {code} and said what to do")


def try_baked(engine: Engine, image: str) -> None:
    url, environ = address()
    with engine.volume() as volume, Container(engine, image, volume, environ) as container:
        checks.wait_until_ready(url, container)
        say("the baked model is served", lambda: checks.serves(url, BAKED))


def address() -> tuple[str, dict[str, str]]:
    """A free port of this machine's: its URL, and the settings that have the server there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return f"http://127.0.0.1:{port}", {"PORT": str(port), "OMP_NUM_THREADS": "1"}


def say(claim: str, check: Callable[[], str]) -> None:
    print(f"  ok  {claim}: {check()}", flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
