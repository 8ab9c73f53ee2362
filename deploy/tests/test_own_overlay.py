"""What the README beside the overlays says that an operator may change: done to a copy of them, and rendered."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from deploy.tests.conftest import NAMES, OVERLAYS, README, SHARING, Object, Rendered, container, render

Change = Callable[[Object], None]


@pytest.fixture(params=NAMES)
def changed(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Change], Rendered]:
    """The overlay, once its kustomization has been changed."""
    folder = Path(shutil.copytree(OVERLAYS.parent, tmp_path / "kubernetes")) / "overlays" / request.param

    def change(by: Change) -> Rendered:
        file = folder / "kustomization.yaml"
        kustomization = yaml.safe_load(file.read_text())
        by(kustomization)
        file.write_text(yaml.safe_dump(kustomization))
        return render(folder)

    return change


def test_the_patch_of_the_readme_sets_what_all_servers_read(changed: Callable[[Change], Rendered]):
    (snippet,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    patches = yaml.safe_load(snippet)["patches"]
    rendered = changed(lambda kustomization: kustomization.setdefault("patches", []).extend(patches))
    assert {rendered.environment(server)["XTTS_MODEL"] for server in rendered.servers()} == {"s3://models/tuned"}


def test_a_line_opens_the_way_to_private_addresses(changed: Callable[[Change], Rendered]):
    assert "`- ../../components/private-addresses`" in README
    rendered = changed(with_component("private-addresses"))
    policy = rendered.one("NetworkPolicy", "xtts-private-addresses")
    kubernetes_validate.validate(policy, kubernetes_validate.latest_version(), strict=True)
    assert policy["metadata"]["namespace"] == rendered.of("Namespace")[0]["metadata"]["name"]
    assert policy["spec"]["podSelector"] == rendered.one("NetworkPolicy", "xtts")["spec"]["podSelector"]
    assert policy["spec"]["policyTypes"] == ["Egress"]
    assert all(rule["to"] and rule["ports"] for rule in policy["spec"]["egress"])  # either, left empty, means all


def with_component(name: str) -> Change:
    return lambda kustomization: kustomization.setdefault("components", []).append(f"../../components/{name}")


@pytest.mark.parametrize("changed", ["one-node"], indirect=True)
def test_a_line_gives_the_one_node_a_gpu(changed: Callable[[Change], Rendered]):
    assert "`- ../../components/gpu`" in README
    rendered = changed(with_component("gpu"))
    (server,) = rendered.servers()
    assert rendered.environment(server)["XTTS_DEVICE"] == "cuda"
    assert rendered.environment(server)["XTTS_DATA_DIR"].startswith("/")


@pytest.mark.parametrize("changed", SHARING, indirect=True)
def test_without_our_redis_the_secret_may_name_another(changed: Callable[[Change], Rendered]):
    rendered = changed(lambda kustomization: kustomization["components"].remove("../../components/redis"))
    for server in rendered.servers():
        assert "XTTS_RATE_LIMIT_STORE" not in rendered.environment(server)
        (source,) = [each for each in container(server)["envFrom"] if "secretRef" in each]
        assert source["secretRef"] == {"name": "xtts-credentials", "optional": True}


def test_labels_that_open_namespaces_are_those_of_the_policy(changed: Callable[[Change], Rendered]):
    policy = changed(lambda _: None).one("NetworkPolicy", "xtts")["spec"]
    said = set(re.findall(r"kubectl label namespace [a-z -]+ ([a-z-]+)=true", README))
    opened = [to for rule in policy["egress"] for to in rule.get("to", [])]
    opened += [from_ for rule in policy["ingress"] for from_ in rule["from"]]
    labels = [peer["namespaceSelector"]["matchLabels"] for peer in opened if "namespaceSelector" in peer]
    assert {name for each in labels for name in each} == said
    assert all(value == "true" for each in labels for value in each.values())
