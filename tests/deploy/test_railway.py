"""railway.json: fields that Railway's reference has (as of 2026-08-21), and values that suit the server."""

import json
import re

import yaml
from jsonschema import validate

from api.callers.security import PROBES
from api.config import ServerConfig
from tests.deploy.conftest import ROOT

SECONDS = {"type": "string", "pattern": r"^\d+$"}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://railway.com/railway.schema.json"},
        "build": {
            "additionalProperties": False,
            "properties": {
                "builder": {"enum": ["RAILPACK", "DOCKERFILE"]},
                "dockerfilePath": {"type": "string"},
                "watchPatterns": {"type": "array", "items": {"type": "string"}},
            },
        },
        "deploy": {
            "additionalProperties": False,
            "properties": {
                "healthcheckPath": {"type": "string"},
                "healthcheckTimeout": {"type": "integer"},
                "restartPolicyType": {"enum": ["ON_FAILURE", "ALWAYS", "NEVER"]},
                "restartPolicyMaxRetries": {"type": "integer"},
                "overlapSeconds": SECONDS,
                "drainingSeconds": SECONDS,
            },
        },
    },
}
CONFIG = json.loads((ROOT / "railway.json").read_text())
PAGE = (ROOT / "deploy" / "railway.md").read_text()


def test_fields_are_those_of_the_reference():
    validate(CONFIG, SCHEMA)


def test_files_that_it_names_exist():
    assert all(
        (ROOT / name).exists() for name in [CONFIG["build"]["dockerfilePath"], *CONFIG["build"]["watchPatterns"]]
    )


def test_the_health_check_needs_no_key_and_waits_for_the_download():
    assert CONFIG["deploy"]["healthcheckPath"] in PROBES
    assert CONFIG["deploy"]["healthcheckTimeout"] > 1.9e9 / 2e6  # the model's bytes at 2 MB/s


def test_what_is_in_flight_may_end():
    assert int(CONFIG["deploy"]["drainingSeconds"]) > ServerConfig.from_env({}).timeout


def test_variables_of_the_page_exist_in_the_code():
    code = "".join(file.read_text() for folder in ("api", "runners") for file in (ROOT / folder).rglob("*.py"))
    named = set(re.findall(r"\b(?:XTTS|COQUI)_[A-Z_]+\b", PAGE))
    assert {name for name in named if f'"{name}"' not in code} == set()


def test_the_page_and_the_file_say_the_same():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    deploy = CONFIG["deploy"]
    assert rows["RAILWAY_HEALTHCHECK_TIMEOUT_SEC"] == str(deploy["healthcheckTimeout"])
    assert rows["RAILWAY_DEPLOYMENT_DRAINING_SECONDS"] == deploy["drainingSeconds"]
    assert f"health check path `{deploy['healthcheckPath']}`" in PAGE


def test_the_volume_is_where_the_image_keeps_things():
    (mount,) = re.findall(r"mount path `([^`]+)`", PAGE)
    kept = {
        each["name"]: each["value"]
        for each in yaml.safe_load((ROOT / "bentofile.yaml").read_text())["envs"]
        if each["name"].startswith("XTTS_")
    }
    assert kept.keys() == {"XTTS_CACHE_DIR", "XTTS_DATA_DIR"}
    assert all(path.startswith(f"{mount}/") for path in kept.values())
