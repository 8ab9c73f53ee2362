"""A simulated day: the same twice, paid for from the asking to the end, and better served by more servers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.options import RESULTS, Options
from benchmarks.scale.autoscaler import EVERY, Rule
from benchmarks.scale.costs import Costs
from benchmarks.scale.day import Outcome, Setting, simulate
from benchmarks.scale.demand import BURST, DAY, QUIETEST, Request, rate, requests
from benchmarks.scale.manifests import Pod
from benchmarks.scale.report import COMPARED, cost, waits
from benchmarks.scale.run import run, settings
from benchmarks.statistics import percentile

COSTS = Costs.measured(RESULTS)
RULE = Rule.read()
POD = Pod.read()
BUSY = list(requests(0.3, seed=3))


def day(rule: Rule, calls: list[Request], node: float = 60.0, *, gateway: bool = False) -> Outcome:
    return simulate(Setting("", "test", rule, POD, COSTS.slots, node, gateway), COSTS, calls)


def test_the_same_day_twice():
    assert list(requests(0.3, seed=3)) == BUSY
    first, second = day(RULE, BUSY), day(RULE, BUSY)
    assert (first.replica_seconds, first.cold_starts, waits(first)) == (
        second.replica_seconds,
        second.cold_starts,
        waits(second),
    )


def test_demand_is_least_at_night_most_twelve_hours_later_and_bursts_at_noon():
    begin, length, times = BURST
    hours = [rate(hour * 3600.0, 1.0) for hour in range(24) if hour != begin / 3600]
    assert min(hours) == rate(QUIETEST, 1.0)
    assert max(hours) == rate(QUIETEST + DAY / 2, 1.0) == pytest.approx(1.0)
    assert rate(begin, 1.0) == pytest.approx(times * rate(begin + length, 1.0), rel=0.05)


def test_as_many_come_as_the_rate_says():
    expected = sum(rate(second, 0.3) for second in range(int(DAY)))
    assert len(BUSY) == pytest.approx(expected, rel=0.03)


def test_a_day_without_callers_costs_the_least_there_is():
    quiet = day(replace(RULE, least=2), [])
    assert quiet.replica_seconds == 2 * (DAY + POD.pre_stop)
    assert quiet.cold_starts == 0


def test_everybody_is_answered_or_turned_away():
    outcome = day(RULE, BUSY)
    assert len(outcome.calls) + outcome.refused == len(BUSY)
    assert len(waits(outcome)) == len(outcome.calls)
    assert outcome.audio_seconds == pytest.approx(sum(call.sequences for call in outcome.calls) * COSTS.audio)


def test_more_servers_serve_sooner_and_cost_more():
    scaled, fixed = day(RULE, BUSY), day(replace(RULE, least=RULE.most), BUSY)
    assert percentile(waits(fixed), 95) < percentile(waits(scaled), 95)
    assert cost(fixed, 0.1) > cost(scaled, 0.1)
    assert fixed.cold_starts == 0 < scaled.cold_starts


def test_a_gateway_that_counts_requests_serves_the_unlucky_sooner():
    rule = replace(RULE, least=3, most=3)
    service, gateway = day(rule, BUSY), day(rule, BUSY, gateway=True)
    assert percentile(waits(gateway), 99) < 0.85 * percentile(waits(service), 99)
    assert len(gateway.calls) == len(service.calls) == len(BUSY)


def test_figures_that_are_older_bring_servers_later():
    jump = [Request(3600.0 + second / 4, 2) for second in range(1200)]
    fresh, stale = (day(replace(RULE, least=1, scrape=scrape), jump) for scrape in (1.0, 120.0))
    first = [next(at for at, many in outcome.replicas if many > 1) for outcome in (fresh, stale)]
    assert first[0] < first[1] <= first[0] + 120 + EVERY


def test_nobody_is_sent_to_a_server_that_is_not_ready():
    late = day(RULE, BUSY, node=3600.0)
    first_cold = next(at for at, load in late.load if load / RULE.target > 1.1)
    assert all(many == RULE.least for at, many in late.replicas if at < first_cold + 3600.0)


def test_the_simulation_agrees_with_what_was_measured():
    for live, measured in zip(COSTS.live, COSTS.firsts, strict=True):
        assert COSTS.first(live) == pytest.approx(measured, rel=0.25)


def test_the_plot_finds_what_it_compares():
    assert set(COMPARED) <= {setting.name for setting in settings(RULE, POD, COSTS, quick=False)}


def test_a_report_is_written_with_the_machine_that_was_measured(tmp_path: Path):
    run(Options(quick=True, out=tmp_path, cache=tmp_path, precisions=("auto",), price=0.5, peak=0.05))
    written = json.loads((tmp_path / "scale.json").read_text())
    assert written["hardware"] == json.loads((RESULTS / "engine.json").read_text())["hardware"]
    assert [each["name"] for each in written["settings"]] == [s.name for s in settings(RULE, POD, COSTS, quick=True)]
    assert (tmp_path / "scale-day.svg").exists()
    assert "$0.5 an hour" in (tmp_path / "scale.md").read_text()
