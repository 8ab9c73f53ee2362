"""Simulates a day of each setting, and puts the table into deploy/kubernetes too.

Seconds to run, and the same figures every time. What the model leaves out the report says.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.hardware import Hardware
from benchmarks.options import Options
from benchmarks.report import Report, publish
from benchmarks.scale import report
from benchmarks.scale.autoscaler import Rule
from benchmarks.scale.costs import Costs
from benchmarks.scale.day import Setting, simulate
from benchmarks.scale.demand import requests
from benchmarks.scale.manifests import Pod

SEED = 1
NODE = 120.0  # seconds until a new pod's container starts

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    costs, rule, pod = Costs.measured(options.measured), Rule.read(), Pod.read()
    day = list(requests(options.peak, SEED))
    outcomes = []
    for setting in settings(rule, pod, costs, quick=options.quick):
        outcomes.append(simulate(setting, costs, day))
        log.info("simulated: %s", setting.name)
    measured = json.loads((options.measured / "engine.json").read_text(encoding="utf-8"))["hardware"]
    scale = Report(
        name="scale",
        method=report.method(options.peak, options.price, NODE, rule, costs),
        hardware=Hardware(**measured),
        data=report.data(outcomes, options.price),
        tables=[report.table(outcomes, options.price), report.agreement(costs)],
        plots=[report.plot(outcomes, options.price)],
    )
    publish(scale, options.out, options.page("scale"))
    print(scale.tables[0].markdown())


def settings(rule: Rule, pod: Pod, costs: Costs, *, quick: bool) -> list[Setting]:
    """The manifests', and those that differ from it in one thing, or two where one asks for the other."""
    value = f"the manifests' ({rule.target:.0%} of {costs.slots} slots, {rule.least} to {rule.most} replicas)"
    manifests = Setting("", value, rule, pod, costs.slots, NODE)
    return [manifests, *(_gateways(manifests) if quick else _variants(manifests, costs))]


def _variants(manifests: Setting, costs: Costs) -> Iterator[Setting]:
    rule = manifests.rule
    for target in (0.3, 0.4, 0.6, 0.8, 1.0):
        yield replace(manifests, varies="target", value=f"{target:.0%}", rule=replace(rule, target=target))
    for slots in (manifests.slots // 2, manifests.slots * 3 // 4, manifests.slots * 2):
        if slots <= costs.live[-1]:
            yield replace(manifests, varies="slots", value=str(slots), slots=slots)
    for least in (1, 4, rule.most):
        yield replace(manifests, varies="at least", value=str(least), rule=replace(rule, least=least))
    for window in (rule.down_window / 2, rule.down_window * 2):
        value = f"{window / 60:g} min"
        yield replace(manifests, varies="scale-down window", value=value, rule=replace(rule, down_window=window))
    yield replace(manifests, varies="scraped every", value="30 s", rule=replace(rule, scrape=30.0))
    yield replace(manifests, varies="container after", value="10 s", node=10.0)
    yield from _gateways(manifests)


def _gateways(manifests: Setting) -> Iterator[Setting]:
    """They spread requests so well that replicas can be kept busier."""
    for target in dict.fromkeys((manifests.rule.target, 0.7, 0.8)):
        rule = replace(manifests.rule, target=target)
        yield replace(manifests, varies="a gateway", value=f"{target:.0%}", rule=rule, gateway=True)
