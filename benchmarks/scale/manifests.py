"""Where the manifests are, and what they say of a server beside how many of them there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runners.config import EngineConfig

KUBERNETES = Path(__file__).parent.parent.parent / "deploy/kubernetes"
DEPLOYMENT = KUBERNETES / "base/server/deployment.yaml"
ENVIRONMENT = KUBERNETES / "base/server/server.env"


@dataclass(frozen=True, slots=True)
class Pod:
    pre_stop: float  # seconds that a server which leaves still runs for nothing
    max_waiting: int  # XTTS_MAX_WAITING, or the code's default where nothing is set

    @classmethod
    def read(cls, deployment: Path = DEPLOYMENT, environment: Path = ENVIRONMENT) -> "Pod":
        (container,) = spec(deployment)["template"]["spec"]["containers"]
        lines = environment.read_text(encoding="utf-8").splitlines()
        variables = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return cls(
            pre_stop=float(container["lifecycle"]["preStop"]["sleep"]["seconds"]),
            max_waiting=EngineConfig.from_env(variables).max_waiting,
        )


def spec(manifest: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(manifest.read_text(encoding="utf-8"))["spec"]
    return found
