"""The compose file against the code, and against the files that it mounts."""

import re
from pathlib import Path

import yaml

from deploy.tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
GPU = yaml.safe_load((DEPLOY / "compose.gpu.yaml").read_text())
SHARED = yaml.safe_load((DEPLOY / "compose.shared.yaml").read_text())
SERVER = COMPOSE["services"]["xtts"]


def test_the_code_knows_every_setting():
    code = "".join(file.read_text() for folder in ("api", "runners") for file in (ROOT / folder).rglob("*.py"))
    settings = SERVER["environment"].keys() | GPU["services"]["xtts"]["environment"].keys()
    settings |= SHARED["services"]["xtts"]["environment"].keys()
    others = {name for name in settings if name == "PORT" or name.startswith(("AWS_", "HF_"))}  # libraries read them
    assert {name for name in settings - others if f'"{name}"' not in code} == set()


def test_every_file_that_is_mounted_exists():
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), source


def test_what_is_in_flight_may_end():
    assert int(SERVER["stop_grace_period"].removesuffix("s")) > int(SERVER["environment"]["XTTS_TIMEOUT"])


def test_the_server_is_locked_down_and_no_port_is_open_to_others():
    assert SERVER["read_only"] is True
    assert SERVER["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVER["security_opt"]
    assert all(port.startswith("127.0.0.1:") for each in COMPOSE["services"].values() for port in each["ports"])


def test_prometheus_scrapes_the_server_and_grafana_asks_prometheus():
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    targets = [target for job in scraped for static in job["static_configs"] for target in static["targets"]]
    assert targets == [f"xtts:{SERVER['environment']['PORT']}"]
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    (name,) = re.fullmatch(r"http://(\w+):9090", source["url"]).groups()
    assert name in COMPOSE["services"]


def test_grafana_looks_for_the_dashboard_where_it_is_mounted():
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/xtts.yaml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]]
    assert provider["options"]["path"] in {str(Path(path).parent) for path in mounted}


def test_public_images_are_pinned_to_a_version():
    services = COMPOSE["services"] | SHARED["services"]
    images = [each["image"] for name, each in services.items() if name != "xtts"]
    assert all(re.search(r":(v?\d+\.\d+|RELEASE\.\d{4}-)", image) for image in images)


def test_what_is_shared_is_open_to_no_other_machine_and_has_no_password_of_ours():
    services = SHARED["services"]
    assert all("ports" not in each for each in services.values())
    environment = services["xtts"]["environment"]
    assert f"{environment['AWS_ENDPOINT_URL']}/".startswith("http://bucket:")
    assert "@database:" in environment["XTTS_DATABASE"]
    assert "${SHARED_PASSWORD:?" in environment["XTTS_DATABASE"]
    passwords = [services["database"]["environment"]["POSTGRES_PASSWORD"], environment["AWS_SECRET_ACCESS_KEY"]]
    passwords.append(services["bucket"]["environment"]["MINIO_ROOT_PASSWORD"])
    assert set(passwords) == {"${SHARED_PASSWORD}"}
