"""The manifests against the published schemas, against each other, and against the code that they run."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from api.config import ServerConfig
from api.paths import PROBES
from deploy.tests.conftest import NAMES, README, ROOT, SHARING, Object, Rendered, container
from runners.config import EngineConfig

CUSTOM = yaml.safe_load(Path(__file__).with_name("custom_resources.yaml").read_text())
NOT_OURS = {"BENTOML_HOME", "PORT"}  # variables of BentoML
# The README says how to make them.
BY_HAND = {"xtts-keys", "xtts-licence", "xtts-credentials"}
BY_HAND_TO_SHARE = {"xtts-metrics-key", "xtts-storage"}


def test_there_is_an_overlay_for_each_kind_of_machine():
    assert set(NAMES) == {"cpu", "gpu", "gpu-bulk", "one-node"}


def test_every_object_is_what_the_published_schemas_allow(overlays: dict[str, Rendered]):
    distinct = {json.dumps(each, sort_keys=True) for rendered in overlays.values() for each in rendered.objects}
    for each in map(json.loads, sorted(distinct)):
        if each["kind"] in CUSTOM:
            jsonschema.validate(each["spec"], CUSTOM[each["kind"]])
        else:
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", ("pollInterval",), 15),
        ("ScaledObject", ("triggers", 0, "metadata", "treshold"), "0.7"),
        (
            "ScaledObject",
            ("advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp", "policies", 0, "type"),
            "Pod",
        ),
        ("ServiceMonitor", ("endpoints", 0, "bearerToken"), "secret"),
    ],
)
def test_the_schemas_of_custom_resources_refuse_what_the_published_ones_refuse(
    overlays: dict[str, Rendered], kind: str, path: tuple[str | int, ...], value: object
):
    spec = json.loads(json.dumps(overlays["gpu"].one(kind, "xtts")["spec"]))
    *to, last = path
    at = spec
    for step in to:
        at = at[step]
    at[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, CUSTOM[kind])


def test_the_code_takes_the_settings_and_knows_every_one(rendered: Rendered, tmp_path: Path):
    code = "".join(file.read_text() for folder in ("api", "runners") for file in (ROOT / folder).rglob("*.py"))
    hashes = tmp_path / "hashes"
    hashes.write_text(f"{'0' * 64} anna\n")
    for server in rendered.servers():
        environ = rendered.environment(server)
        assert {name for name in environ.keys() - NOT_OURS if f'"{name}"' not in code} == set()
        assert environ["XTTS_API_KEYS"] == "@" + mounted(server, "keys") + "/hashes"
        EngineConfig.from_env(environ)
        ServerConfig.from_env(environ | {"XTTS_API_KEYS": f"@{hashes}"})


def test_all_that_is_written_is_mounted(rendered: Rendered):
    for server in rendered.servers():
        environ = rendered.environment(server)
        assert Path(environ["XTTS_CACHE_DIR"]).is_relative_to(mounted(server, "files"))
        assert Path(environ["BENTOML_HOME"]).is_relative_to(mounted(server, "tmp"))
        assert volume(server, "tmp")["emptyDir"]["medium"] == "Memory"


@pytest.mark.parametrize("rendered", SHARING, indirect=True)
def test_servers_share_a_bucket_and_a_postgres_and_no_volume(rendered: Rendered):
    assert rendered.of("PersistentVolumeClaim") == []
    for server in rendered.servers():
        assert volume(server, "files")["emptyDir"].keys() == {"sizeLimit"}
        for variable, key in (("XTTS_DATA_DIR", "bucket"), ("XTTS_DATABASE", "database")):
            (named,) = [each for each in container(server)["env"] if each["name"] == variable]
            assert named["valueFrom"] == {"secretKeyRef": {"name": "xtts-storage", "key": key}}
        config = storage(rendered.environment(server))
        assert config.bucket
        assert config.database
    (public,) = [rule for rule in rendered.one("NetworkPolicy", "xtts")["spec"]["egress"] if "ipBlock" in str(rule)]
    assert {each["port"] for each in public["ports"]} == {443, 5432}


def test_the_one_node_keeps_all_on_a_volume_of_its_own(overlays: dict[str, Rendered]):
    rendered = overlays["one-node"]
    (server,), (claim,) = rendered.servers(), rendered.of("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    where = {"claimName": claim["metadata"]["name"]}
    assert volume(server, "files") == {"name": "files", "persistentVolumeClaim": where}
    assert server["spec"]["replicas"] == 1
    assert server["spec"]["strategy"] == {"type": "Recreate"}
    config = storage(rendered.environment(server))
    assert (config.bucket, config.database) == (None, "")
    assert config.data_dir.is_relative_to(mounted(server, "files"))
    assert {each["kind"] for each in rendered.objects}.isdisjoint(CUSTOM)


def storage(environ: Mapping[str, str]) -> ServerConfig:
    """As far as it is about where things are kept."""
    return ServerConfig.from_env({name: value for name, value in environ.items() if "_DATA" in name or "_DIR" in name})


def volume(deployment: Object, name: str) -> Object:
    (found,) = [each for each in deployment["spec"]["template"]["spec"]["volumes"] if each["name"] == name]
    return found


def mounted(deployment: Object, volume: str) -> str:
    (path,) = [mount["mountPath"] for mount in container(deployment)["volumeMounts"] if mount["name"] == volume]
    return path


def test_one_port_everywhere(rendered: Rendered):
    for server in rendered.servers():
        (port,) = container(server)["ports"]
        assert rendered.environment(server)["PORT"] == str(port["containerPort"])
        policy = rendered.one("NetworkPolicy", "xtts")
        assert [each["port"] for rule in policy["spec"]["ingress"] for each in rule["ports"]] == [port["containerPort"]]
        service = rendered.one("Service", server["metadata"]["name"])
        assert [each["targetPort"] for each in service["spec"]["ports"]] == [port["name"]]
        for monitor in rendered.of("ServiceMonitor"):
            assert {each["port"] for each in monitor["spec"]["endpoints"]} == {
                each["name"] for each in service["spec"]["ports"]
            }


def test_probes_ask_what_needs_no_key(rendered: Rendered):
    for server in rendered.servers():
        paths = {
            name: container(server)[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")
        }
        assert set(paths.values()) <= PROBES
        assert paths["liveness"] != paths["readiness"]  # a server that loads its model is not dead


def test_what_is_in_flight_may_end(rendered: Rendered):
    for server in rendered.servers():
        timeout = float(rendered.environment(server)["XTTS_TIMEOUT"])
        sleep = container(server)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert server["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > sleep + timeout


def test_a_start_may_take_as_long_as_the_download(rendered: Rendered):
    for server in rendered.servers():
        probe = container(server)["startupProbe"]
        slow = 1.9e9 / 2e6  # the model's bytes at 2 MB/s
        assert probe["periodSeconds"] * probe["failureThreshold"] > slow + 60


def test_pods_are_locked_down(rendered: Rendered):
    for deployment in rendered.of("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(deployment)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container(deployment)["resources"]["limits"]


def test_gpu_overlays_ask_for_a_gpu_and_insist_on_it(rendered: Rendered, request: pytest.FixtureRequest):
    gpu = "gpu" in request.node.callspec.params["rendered"]
    for server in rendered.servers():
        assert container(server)["resources"]["limits"].get("nvidia.com/gpu") == ("1" if gpu else None)
        assert rendered.environment(server).get("XTTS_DEVICE") == ("cuda" if gpu else None)


def test_selectors_find_what_they_are_for(rendered: Rendered):
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in rendered.of("Deployment")
    }
    for deployment in rendered.of("Deployment"):
        assert found(deployment["spec"]["selector"]["matchLabels"], pods) == [deployment["metadata"]["name"]]
    for service in rendered.of("Service"):
        assert found(service["spec"]["selector"], pods) == [service["metadata"]["name"]]
    for budget in rendered.of("PodDisruptionBudget"):
        assert found(budget["spec"]["selector"]["matchLabels"], pods) == [budget["metadata"]["name"]]
    servers = [each["metadata"]["name"] for each in rendered.servers()]
    assert found(rendered.one("NetworkPolicy", "xtts")["spec"]["podSelector"]["matchLabels"], pods) == servers
    services = {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in rendered.of("Service")}
    for monitor in rendered.of("ServiceMonitor"):
        assert found(monitor["spec"]["selector"]["matchLabels"], services) == servers


def found(selector: dict[str, str], labelled: dict[str, dict[str, str]]) -> list[str]:
    return [name for name, labels in labelled.items() if selector and selector.items() <= labels.items()]


@pytest.mark.parametrize("rendered", SHARING, indirect=True)
def test_each_server_has_an_autoscaler_and_no_number_of_its_own(rendered: Rendered):
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in rendered.of("ScaledObject")]
    assert sorted(targets) == sorted(each["metadata"]["name"] for each in rendered.servers())
    assert all("replicas" not in each["spec"] for each in rendered.servers())


def test_queries_are_about_what_is_rendered(rendered: Rendered):
    (namespace,) = rendered.of("Namespace")
    services = {each["metadata"]["name"] for each in rendered.of("Service")}
    for each in rendered.of("ScaledObject"):
        for trigger in each["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            selectors = re.findall(r"\bxtts_\w+\{(.*?)\}", query)
            assert len(selectors) == len(re.findall(r"\bxtts_\w+", query))
            assert all(f'namespace="{namespace["metadata"]["name"]}"' in selector for selector in selectors)
            assert set(re.findall(r'service="([^"]*)"', query)) <= services


def test_bulk_scales_to_zero_and_interactive_does_not(overlays: dict[str, Rendered]):
    least = {
        each["metadata"]["name"]: each["spec"]["minReplicaCount"] for each in overlays["gpu-bulk"].of("ScaledObject")
    }
    assert least == {"xtts": 2, "xtts-bulk": 0}


def test_metrics_of_the_autoscalers_exist(rendered: Rendered):
    exported = {
        name
        for folder in ("api", "runners")
        for file in (ROOT / folder).rglob("metrics.py")
        for name in re.findall(r'"(xtts_\w+)"', file.read_text())
    }
    queries = json.dumps([each["spec"]["triggers"] for each in rendered.of("ScaledObject")])
    assert set(re.findall(r"\bxtts_\w+", queries)) <= exported


def test_secrets_are_none_of_ours_and_the_readme_says_how_to_make_them(overlays: dict[str, Rendered]):
    for name, rendered in overlays.items():
        assert rendered.of("Secret") == []
        by_hand = BY_HAND | (BY_HAND_TO_SHARE if name in SHARING else set())
        mentioned = set(re.findall(r"xtts-(?:keys|metrics-key|licence|storage|credentials)\b", str(rendered.objects)))
        assert mentioned == by_hand
        assert all(re.search(rf"kubectl .*create (secret generic|configmap) {each} ", README) for each in by_hand)


def test_nothing_agrees_to_the_licence(rendered: Rendered):
    for server in rendered.servers():
        (agreed,) = [each for each in container(server)["env"] if each["name"] == "COQUI_TOS_AGREED"]
        assert agreed["valueFrom"]["configMapKeyRef"] == {"name": "xtts-licence", "key": "agreed", "optional": True}
        assert EngineConfig.from_env(rendered.environment(server)).tos_agreed is False
