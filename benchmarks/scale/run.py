"""How many servers a day takes under the autoscaling rule of the manifests: simulated, on measured times.

Seconds to run, and the same figures every time. What the model leaves out the report says.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.hardware import Hardware
from benchmarks.options import RESULTS, ROOT, Options
from benchmarks.report import Report, publish
from benchmarks.scale import report
from benchmarks.scale.autoscaler import Rule
from benchmarks.scale.costs import Costs
from benchmarks.scale.day import Setting, simulate
from benchmarks.scale.demand import requests

README = ROOT / "deploy" / "kubernetes" / "README.md"
SEED = 1
NODE = 120.0  # seconds until a new pod's container starts

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Reads benchmarks/results, where the engine and growth benchmarks have left what they measured."""
    costs = Costs.measured(RESULTS)
    day = list(requests(options.peak, SEED))
    outcomes = []
    for setting in settings(Rule.read(), costs.slots, quick=options.quick):
        outcomes.append(simulate(setting, costs, day))
        log.info("simulated: %s", setting.name)
    measured = json.loads((RESULTS / "engine.json").read_text(encoding="utf-8"))["hardware"]
    scale = Report(
        name="scale",
        method=report.method(options.peak, options.price, NODE, costs),
        hardware=Hardware(**measured),
        data=report.data(outcomes, options.price),
        tables=[report.table(outcomes, options.price), report.agreement(costs)],
        plots=[report.plot(outcomes)],
    )
    publish(scale, options.out, README if options.readme else None)
    print(scale.tables[0].markdown())


def settings(rule: Rule, slots: int, *, quick: bool) -> Sequence[Setting]:
    """The manifests', and those that differ from it in one thing."""
    manifest = Setting("the manifests'", rule, slots, NODE)
    fixed = replace(rule, least=rule.most)
    if quick:
        return manifest, replace(manifest, name="fixed", rule=fixed)
    targets = [
        replace(manifest, name=f"target {target:.0%}", rule=replace(rule, target=target)) for target in (0.3, 0.5, 1.0)
    ]
    return (
        manifest,
        *targets,
        replace(manifest, name="at least 2", rule=replace(rule, least=2)),
        replace(manifest, name="at least 4", rule=replace(rule, least=4)),
        replace(manifest, name=f"{slots // 2} slots", slots=slots // 2),
        replace(manifest, name="a warm node", node=10.0),
        replace(manifest, name=f"{rule.most}, never fewer", rule=fixed),
    )
