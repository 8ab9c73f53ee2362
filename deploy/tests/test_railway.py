"""railway.ts as Railway's command line reads it: values that suit the server (`make lint-deploy` checks its types)."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.config import ServerConfig
from api.paths import PROBES
from deploy.tests.conftest import MODULES, ROOT

FILE = ROOT / ".railway" / "railway.ts"
PAGE = (ROOT / "deploy" / "railway.md").read_text()
IMAGE = "registry.example.com/owner/xtts:1.0.0"
# As the command line does, the context of an empty object too.
EVALUATE = """
import { pathToFileURL } from "node:url";
const { default: program } = await import(pathToFileURL(process.argv[1]));
console.log(JSON.stringify(await program({})));
"""


def evaluate(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The file's project in JSON, from a folder where it finds the package that it imports."""
    if not (MODULES / "railway").exists():
        raise FileNotFoundError(f"there is no package `railway` in {MODULES}: `make lint-deploy` installs it")
    (folder / "node_modules").symlink_to(MODULES)
    copy = shutil.copy(FILE, folder)
    node = [Path(sys.executable).with_name("node"), "--input-type=module", "--eval", EVALUATE, copy]
    return subprocess.run(node, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=["1", "3"])
def replicas(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def resources(replicas: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = evaluate(tmp_path_factory.mktemp("railway"), {**os.environ, "IMAGE": IMAGE, "REPLICAS": replicas})
    assert done.returncode == 0, done.stderr
    return {each["address"]: each for each in json.loads(done.stdout)["resources"]}


@pytest.fixture
def service(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources["service.xtts"]
    return found


def test_the_image_is_the_operators(service):
    assert service["source"] == {"type": "image", "image": IMAGE}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"IMAGE": ""}, "IMAGE is not set"),
        ({"REPLICAS": ""}, "REPLICAS is not set to a number"),
        ({"REPLICAS": "0"}, "REPLICAS is not set to a number"),
        ({"REPLICAS": "two"}, "REPLICAS is not set to a number"),
    ],
)
def test_what_is_not_set_it_asks_for(tmp_path, wrong, message):
    done = evaluate(tmp_path, {**os.environ, "IMAGE": IMAGE, "REPLICAS": "1", **wrong})
    assert done.returncode != 0
    assert message in done.stderr


def test_the_health_check_needs_no_key_and_waits_for_the_download(service):
    assert service["deploy"]["healthcheckPath"] in PROBES
    assert service["deploy"]["healthcheckTimeout"] > 1.9e9 / 2e6  # the model's bytes at 2 MB/s


def test_what_is_in_flight_may_end(service):
    draining = int(service["variables"]["RAILWAY_DEPLOYMENT_DRAINING_SECONDS"]["value"])
    assert draining > ServerConfig.from_env({}).timeout


def test_what_only_the_operator_can_say_is_kept_and_not_set(service):
    kept = {name for name, value in service["variables"].items() if value == {"type": "preserve"}}
    assert kept == {"XTTS_API_KEYS", "COQUI_TOS_AGREED"}


def test_variables_exist_in_the_code(service):
    code = "".join(file.read_text() for folder in ("api", "runners") for file in (ROOT / folder).rglob("*.py"))
    named = set(re.findall(r"\b(?:XTTS_[A-Z_]+|COQUI_[A-Z_]+|AWS_S3_URL_STYLE)\b", PAGE + FILE.read_text()))
    assert named >= {name for name in service["variables"] if name.startswith(("XTTS_", "COQUI_", "AWS_S3"))}
    assert {name for name in named if f'"{name}"' not in code} == set()


def test_the_page_and_the_file_say_the_same(service, replicas):
    first, second = (
        dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", part, re.MULTILINE)) for part in PAGE.split("\n## Replicas")
    )
    rows = first if replicas == "1" else {**first, **second}
    if replicas != "1":
        del rows["RAILWAY_RUN_UID"]
    assert rows == {name: as_written(value) for name, value in service["variables"].items()}
    deploy = service["deploy"]
    assert f"path `{deploy['healthcheckPath']}` with a time-out of {deploy['healthcheckTimeout']} s" in PAGE


def as_written(value: dict[str, str]) -> str:
    """A reference as Railway's own variables have it."""
    if value["type"] == "reference":
        return f"${{{{{value['resource'].partition('.')[2]}.{value['output']}}}}}"
    return value.get("value", "yours")


def test_one_replica_has_a_volume_and_several_a_bucket_and_a_postgres(service, resources, replicas):
    assert service["deploy"]["numReplicas"] == int(replicas)
    kept = {"volume.xtts-data"} if replicas == "1" else {"bucket.xtts-files", "database.Postgres"}
    assert resources.keys() == {"service.xtts", *kept}
    mounted = {each["volume"] for each in service.get("volumeAttachments", {}).values()}
    assert mounted | {value["resource"] for value in service["variables"].values() if "resource" in value} == kept


@pytest.mark.parametrize("replicas", ["1"], indirect=True)
def test_the_volume_is_where_the_image_keeps_things(service, resources):
    (mount,) = service["volumeAttachments"].values()
    assert mount["volume"] in resources
    assert f"mount path `{mount['mountPath']}`" in PAGE
    kept = {
        each["name"]: each["value"]
        for each in yaml.safe_load((ROOT / "bentofile.yaml").read_text())["envs"]
        if each["name"].startswith("XTTS_")
    }
    assert kept.keys() == {"XTTS_CACHE_DIR", "XTTS_DATA_DIR"}
    assert all(path.startswith(f"{mount['mountPath']}/") for path in kept.values())


def test_the_page_installs_the_package_that_is_tested():
    pinned = json.loads((ROOT / ".ci" / "node" / "package.json").read_text())["dependencies"]["railway"]
    assert re.findall(r"\brailway@(\d+)\b", PAGE) == [pinned.partition(".")[0]]
