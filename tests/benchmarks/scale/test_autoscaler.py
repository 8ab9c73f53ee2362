"""The autoscaler: what the manifest says, and what no load may make it do."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale.autoscaler import EVERY, SCALED_OBJECT, SERVICE_MONITOR, Autoscaler, Policy, Rule

RULE = Rule(
    target=0.5,
    least=1,
    most=10,
    up=[Policy(2, 60.0)],
    down=[Policy(1, 120.0)],
    up_window=0.0,
    down_window=300.0,
    scrape=15.0,
)
LOADS = st.lists(st.floats(0, 12), min_size=1, max_size=80)


def decisions(rule: Rule, loads: list[float], current: int = 1) -> list[int]:
    autoscaler = Autoscaler(rule)
    made = [current]
    for number, load in enumerate(loads):
        made.append(autoscaler.decide(number * EVERY, load, made[-1]))
    return made[1:]


def test_the_rule_is_the_manifests(tmp_path: Path):
    spec = yaml.safe_load(SCALED_OBJECT.read_text())
    spec["spec"]["triggers"][0]["metadata"]["threshold"] = "0.35"
    spec["spec"]["maxReplicaCount"] = 3
    spec["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleUp"]["policies"][0]["value"] = 7
    other = tmp_path / "scaled-object.yaml"
    other.write_text(yaml.safe_dump(spec))
    monitor = tmp_path / "service-monitor.yaml"
    monitor.write_text(SERVICE_MONITOR.read_text().replace("interval: 15s", "interval: 40s"))
    rule = Rule.read()
    assert rule.scrape == 15
    assert Rule.read(other, monitor) == replace(
        rule, target=0.35, most=3, up=(Policy(7, rule.up[0].period),), scrape=40.0
    )


@pytest.mark.parametrize(
    ("manifest", "known", "unknown", "message"),
    [
        (SCALED_OBJECT, "type: Pods", "type: Percent", "policies"),
        (SCALED_OBJECT, "metricType: AverageValue", "metricType: Value", "average"),
        (SCALED_OBJECT, "metricType:", "useCachedMetrics: true\n      metricType:", "asked for at every look"),
        (SERVICE_MONITOR, "interval: 15s", "interval: 1m", "1m: only an interval in seconds"),
    ],
)
def test_a_rule_that_it_does_not_know_is_refused(
    manifest: Path, known: str, unknown: str, message: str, tmp_path: Path
):
    other = tmp_path / manifest.name
    other.write_text(manifest.read_text().replace(known, unknown))
    with pytest.raises(ValueError, match=message):
        Rule.read(*(other if each == manifest else each for each in (SCALED_OBJECT, SERVICE_MONITOR)))


@settings(max_examples=60, deadline=None)
@given(LOADS)
def test_there_are_never_fewer_than_the_least_nor_more_than_the_most(loads: list[float]):
    assert all(RULE.least <= many <= RULE.most for many in decisions(RULE, loads))


@settings(max_examples=60, deadline=None)
@given(LOADS)
def test_no_period_adds_or_takes_more_than_its_policy(loads: list[float]):
    made = [1, *decisions(RULE, loads)]
    in_up, in_down = int(60 / EVERY), int(120 / EVERY)
    assert all(later - earlier <= 2 for earlier, later in zip(made, made[in_up:], strict=False))
    assert all(earlier - later <= 1 for earlier, later in zip(made, made[in_down:], strict=False))


@settings(max_examples=60, deadline=None)
@given(LOADS, st.integers(2, 10))
def test_none_goes_while_the_window_has_seen_a_load_that_needs_them(loads: list[float], current: int):
    window = int(RULE.down_window / EVERY)
    busy = current * RULE.target
    made = decisions(RULE, [busy, *loads[: window - 1]], current)
    assert all(many >= current for many in made)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 5))
def test_a_steady_load_comes_to_its_target(load: float):
    (*_, last) = decisions(RULE, [load] * 200)
    assert RULE.least <= last <= RULE.most
    assert load / last <= RULE.target * 1.1 + 1e-9  # the tolerance
    assert last == 1 or load / (last - 1) > RULE.target * 0.9
