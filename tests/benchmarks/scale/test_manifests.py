"""What the simulation takes from the manifests of a server."""

from pathlib import Path

from benchmarks.scale.manifests import DEPLOYMENT, ENVIRONMENT, Pod
from runners.config import EngineConfig


def test_a_pod_is_the_manifests(tmp_path: Path):
    deployment, environment = tmp_path / "deployment.yaml", tmp_path / "server.env"
    deployment.write_text(DEPLOYMENT.read_text().replace("seconds: 10 #", "seconds: 25 #"))
    environment.write_text(ENVIRONMENT.read_text() + "XTTS_MAX_WAITING=17\n")
    assert Pod.read(deployment, environment) == Pod(pre_stop=25.0, max_waiting=17)


def test_what_they_leave_open_is_as_the_code_has_it():
    assert Pod.read().max_waiting == EngineConfig.from_env({}).max_waiting
