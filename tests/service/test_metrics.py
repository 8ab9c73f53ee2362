"""What an operator sees of a running server: `/metrics`, the dashboard made of them, and the log."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service.server import LOCKED_KEY, ROOT, Server

LONG = "Ez egy hosszú mondat, amelyet többször is elmondunk egymás után. " * 150
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
GPU_ONLY = {"xtts_gpu_memory_used_bytes", "xtts_gpu_memory_total_bytes"}
ASIDE = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|, \w+\)')  # texts, labels, windows
NAME = re.compile(r"\b(?!or\b)[A-Za-z_:][\w:]*\b(?!\s*\()")  # of no function


Samples = dict[tuple[str, ...], float]  # by name and label values


@dataclass(frozen=True, slots=True)
class Watched:
    """What a server counted of some requests, those before them taken off, and what it said meanwhile."""

    counted: Samples
    gauges: Samples
    lines: list[dict[str, Any]]


@pytest.fixture(scope="module")
def watched(locked: Server) -> Watched:
    """Of a few requests that ended well, badly and not at all."""
    before, said = samples(locked), len(log(locked))
    with asking(locked) as client:
        for _ in range(2):
            client.post("/generate/simple", json={"text": "Jó napot!"}, headers={"X-Request-ID": "mine-1"})
        client.post("/generate/simple", json={"text": "Titkos", "voice": "nobody"})
        client.post("/generate/simple", json={"text": "Titkos", "sped": 1})
        client.get("/voices/nobody")
        client.get("/no/such/page")
        client.get("/voices", headers={"X-API-Key": "wrong"})
        with pytest.raises(httpx.ReadTimeout):
            client.post("/generate/simple", json={"text": LONG}, timeout=1)
    canceled = before["xtts_cancellations_total",] + 1
    while samples(locked)["xtts_cancellations_total",] < canceled or any(map(locked.slots().get, ("live", "waiting"))):
        time.sleep(0.05)
    gauges = samples(locked)
    counted = {key: value - before.get(key, 0) for key, value in gauges.items()}
    return Watched({key: value for key, value in counted.items() if value}, gauges, log(locked)[said:])


def asking(server: Server) -> httpx.Client:
    client = server.client()
    client.headers["Authorization"] = f"Bearer {LOCKED_KEY}"
    return client


def samples(server: Server) -> Samples:
    """Buckets aside. No key is sent."""
    text = httpx.get(f"{server.url}/metrics").raise_for_status().text
    families = text_string_to_metric_families(text)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if "le" not in sample.labels
    }


def log(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_requests_are_counted_by_route_and_outcome(watched: Watched) -> None:
    counted = {key[1:]: value for key, value in watched.counted.items() if key[0] == "xtts_requests_total"}
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


def test_the_engines_work_is_counted(watched: Watched) -> None:
    seen, now = watched.counted, watched.gauges
    assert (now["xtts_slots",], now["xtts_live_slots",], now["xtts_waiting_sequences",]) == (2, 0, 0)
    assert seen["xtts_characters_total",] == 2 * len("Jó napot!")
    assert seen["xtts_real_time_factor_ratio_count",] == 2
    assert seen["xtts_first_audio_seconds_count",] in (2, 3)
    assert seen["xtts_cancellations_total",] == 1
    assert seen["xtts_sequences_total", "stop_code"] + seen.get(("xtts_sequences_total", "limit"), 0) >= 2
    assert seen["xtts_latents_lookups_total", "memory"] > 0
    assert seen["xtts_codes_total",] > 0
    assert 0 < seen["xtts_audio_seconds_total",] <= seen["xtts_codes_total",] * 1024 / 22_050 + 0.1
    assert seen["xtts_decode_step_seconds_count",] <= seen["xtts_codes_total",]
    assert seen["xtts_queue_wait_seconds_count",] >= seen["xtts_admitted_batch_size_count",] >= 3
    assert now["xtts_requests_in_progress",] == 1  # the scrape itself
    assert now["xtts_runner_resident_memory_bytes",] > 2**26


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


def test_every_query_of_the_dashboard_names_a_metric_that_there_is(locked: Server, watched: Watched) -> None:
    exposed = set(re.findall(r"^(\w+)[ {]", httpx.get(f"{locked.url}/metrics").text, re.MULTILINE))
    asked = {query: metrics_in(query) for query in queries(DASHBOARD)}
    assert len(asked) > 30
    for query, names in asked.items():
        assert names, query
        assert names <= exposed | GPU_ONLY, query
    shown = {re.sub("_(bucket|count|sum)$", "", name) for names in asked.values() for name in names}
    offered = {re.sub("_(bucket|count|sum)$", "", name) for name in exposed if name.startswith("xtts_")}
    assert offered <= shown | {"xtts_requests_in_progress"}  # nothing is counted that nobody looks at


def test_metrics_need_a_key_unless_they_are_open(locked: Server) -> None:
    assert httpx.get(f"{locked.url}/metrics").status_code == 200
    assert httpx.get(f"{locked.url}/voices").status_code == 401


def test_the_log_is_json_with_a_line_for_each_request_and_no_text(locked: Server, watched: Watched) -> None:
    text = locked.log.read_text()
    assert "Titk" not in text
    assert "Ez egy" not in text
    lines = log(locked)
    assert any(line["message"].startswith("Starting production") for line in lines)
    assert any("is loaded on cpu" in line["message"] for line in lines)
    requests = [line for line in watched.lines if line["logger"] == "api.observe.access"]
    assert [line["message"] for line in requests if line["outcome"] != "ok"][:6] == [
        "POST /generate/simple",
        "POST /generate/simple",
        "GET /voices/{name}",
        "GET other",
        "GET /voices",
        "POST /generate/simple",
    ]
    said = next(line for line in requests if line["request_id"] == "mine-1")
    assert (said["characters"], said["voice"], said["language"], said["status"]) == (9, "default", "hu", 200)
    assert 0 < said["first_audio_seconds"] <= said["seconds"]
    assert said["audio_seconds"] > 0.3
    assert re.fullmatch("[0-9a-f]{8}", said["caller"])  # the start of the key's hash
    assert len({line["request_id"] for line in requests[2:]}) == len(requests) - 2
