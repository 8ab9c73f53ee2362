"""What an operator sees of a running server: `/metrics`, the dashboard made of them, and the log."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service.server import ROOT, Server, serving

KEY = "the-long-key-of-nobody"
LONG = "Ez egy hosszú mondat, amelyet többször is elmondunk egymás után. " * 40
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
GPU_ONLY = {"xtts_gpu_memory_used_bytes", "xtts_gpu_memory_total_bytes"}
ASIDE = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|, \w+\)')  # texts, labels, windows
NAME = re.compile(r"\b(?!or\b)[A-Za-z_:][\w:]*\b(?!\s*\()")  # of no function


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    """A server after a few requests that ended well, badly and not at all."""
    environ = {"XTTS_CACHE_DIR": str(cache_dir), "XTTS_SLOTS": "2", "XTTS_API_KEYS": KEY, "XTTS_METRICS": "open"}
    with serving(tmp_path_factory.mktemp("watched"), environ) as running:
        with asking(running) as client:
            for _ in range(2):
                client.post("/generate/simple", json={"text": "Jó napot!"}, headers={"X-Request-ID": "mine-1"})
            client.post("/generate/simple", json={"text": "Titkos", "voice": "nobody"})
            client.post("/generate/simple", json={"text": "Titkos", "sped": 1})
            client.get("/voices/nobody")
            client.get("/no/such/page")
            client.get("/voices", headers={"X-API-Key": "wrong"})
            with pytest.raises(httpx.ReadTimeout):
                client.post("/generate/simple", json={"text": LONG}, timeout=1)
        while samples(running)["xtts_cancellations_total",] < 1 or any(map(running.slots().get, ("live", "waiting"))):
            time.sleep(0.05)
        yield running


def asking(server: Server) -> httpx.Client:
    client = server.client()
    client.headers["Authorization"] = f"Bearer {KEY}"
    return client


def samples(server: Server) -> dict[tuple[str, ...], float]:
    """By name and label values; buckets aside. No key is sent."""
    text = httpx.get(f"{server.url}/metrics").raise_for_status().text
    families = text_string_to_metric_families(text)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_requests_are_counted_by_route_and_outcome(watched: Server) -> None:
    counted = {key[1:]: value for key, value in samples(watched).items() if key[0] == "xtts_requests_total"}
    del counted["GET", "ok", "/health"]
    counted = {key: value for key, value in counted.items() if key[2] not in ("/health", "/metrics")}
    assert counted == {
        ("POST", "ok", "/generate/simple"): 2,
        ("POST", "voice_not_found", "/generate/simple"): 1,
        ("POST", "invalid_request", "/generate/simple"): 1,
        ("POST", "client_closed_request", "/generate/simple"): 1,
        ("GET", "voice_not_found", "/voices/{name}"): 1,
        ("GET", "not_found", "other"): 1,
        ("GET", "unauthorized", "/voices"): 1,
    }


def test_the_engines_work_is_counted(watched: Server) -> None:
    seen = samples(watched)
    assert (seen["xtts_slots",], seen["xtts_live_slots",], seen["xtts_waiting_sequences",]) == (2, 0, 0)
    assert seen["xtts_characters_total",] == 2 * len("Jó napot!")
    assert seen["xtts_real_time_factor_ratio_count",] == 2
    assert seen["xtts_first_audio_seconds_count",] in (2, 3)
    assert seen["xtts_cancellations_total",] == 1
    assert seen["xtts_sequences_total", "stop_code"] + seen["xtts_sequences_total", "limit"] >= 2
    assert seen["xtts_latents_lookups_total", "memory"] > 0
    assert seen["xtts_codes_total",] > 0
    assert 0 < seen["xtts_audio_seconds_total",] < 60
    assert seen["xtts_decode_step_seconds_count",] <= seen["xtts_codes_total",]
    assert seen["xtts_queue_wait_seconds_count",] >= seen["xtts_admitted_batch_size_count",] >= 3
    assert seen["xtts_requests_in_progress",] == 1  # the scrape itself
    assert seen["xtts_runner_resident_memory_bytes",] > 2**26


def queries(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (node[key] for key in ("expr", "definition") if isinstance(node.get(key), str))
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from queries(each)


def metrics_in(query: str) -> set[str]:
    return set(NAME.findall(ASIDE.sub(" ", query)))


def test_queries_are_taken_apart_rightly() -> None:
    query = 'histogram_quantile(0.9, sum by (le) (rate(a_bucket{route=~"$route"}[5m]))) / sum(b_total) or vector(0)'
    assert metrics_in(query) == {"a_bucket", "b_total"}
    assert metrics_in("label_values(c_slots, instance)") == {"c_slots"}


def test_every_query_of_the_dashboard_names_a_metric_that_there_is(watched: Server) -> None:
    exposed = set(re.findall(r"^(\w+)[ {]", httpx.get(f"{watched.url}/metrics").text, re.MULTILINE))
    asked = {query: metrics_in(query) for query in queries(DASHBOARD)}
    assert len(asked) > 30
    for query, names in asked.items():
        assert names, query
        assert names <= exposed | GPU_ONLY, query
    shown = {re.sub("_(bucket|count|sum)$", "", name) for names in asked.values() for name in names}
    offered = {re.sub("_(bucket|count|sum)$", "", name) for name in exposed if name.startswith("xtts_")}
    assert offered <= shown | {"xtts_requests_in_progress"}  # nothing is counted that nobody looks at


def test_metrics_need_a_key_unless_they_are_open(watched: Server) -> None:
    assert httpx.get(f"{watched.url}/metrics").status_code == 200
    assert httpx.get(f"{watched.url}/voices").status_code == 401


def test_the_log_is_json_with_a_line_for_each_request_and_no_text(watched: Server) -> None:
    text = watched.log.read_text()
    assert "Titk" not in text
    assert "Ez egy" not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert any(line["message"].startswith("Starting production") for line in lines)
    assert any("is loaded on cpu" in line["message"] for line in lines)
    requests = [line for line in lines if line["logger"] == "api.observe.access"]
    assert [line["message"] for line in requests if line["outcome"] != "ok"][:6] == [
        "POST /generate/simple",
        "POST /generate/simple",
        "GET /voices/{name}",
        "GET other",
        "GET /voices",
        "POST /generate/simple",
    ]
    said = next(line for line in requests if line["outcome"] == "ok")
    assert said["request_id"] == "mine-1"
    assert (said["characters"], said["voice"], said["language"], said["status"]) == (9, "default", "hu", 200)
    assert 0 < said["first_audio_seconds"] <= said["seconds"]
    assert said["audio_seconds"] > 0.3
    assert re.fullmatch("[0-9a-f]{8}", said["caller"])  # the start of the key's hash
    assert len({line["request_id"] for line in requests[2:]}) == len(requests) - 2
