"""The simulated days as a table and a plot, and in words what was assumed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import mean

from benchmarks.report import Panel, Plot, Table
from benchmarks.scale.autoscaler import EVERY, Rule
from benchmarks.scale.costs import Costs
from benchmarks.scale.day import Outcome
from benchmarks.scale.demand import BURST, DAY, NIGHT
from benchmarks.statistics import percentile

HOUR = 3600.0
COLUMNS = (
    "setting",
    "replicas, mean (most)",
    "cold starts",
    "first audio, median, s",
    "p95, s",
    "p99, s",
    "gaps",
    "refused",
    "$ an hour of audio",
)
QUARTER, HALF = 0.25, 0.5  # hours that are a point of the plot
COMPARED = ("target: 80%", "a gateway: 50%", "at least: 8")  # by the hour, with the manifests'
WEIGHED = ("target", "slots", "at least", "a gateway")  # speed against cost


def method(peak: float, price: float, node: float, rule: Rule, costs: Costs) -> str:
    begin, length, times = BURST
    demand = (
        f"Simulated, not measured: a day of requests at Poisson times, {peak:g} a second in the busiest hour,"
        f" {NIGHT:.0%} of that at 4 in the morning, and {times:g} times as many for {length / 60:g} minutes at"
        f" {begin / HOUR:g} o'clock; of ten requests five are of one sentence, three of two, two of five, and each"
        f" sentence is {costs.audio:.1f} s of speech."
    )
    supply = (
        " Replicas take the steps, prefills and start-up that the other benchmarks measured on the machine below; a"
        " request goes to a ready one by chance, as behind a Service, or with a gateway to the one of two by chance"
        " that has fewer requests open; there it waits in the engine's own line, which takes a sentence of each request"
        " in turn, and all that is live advances together."
        f" The autoscaler follows the rule in deploy/kubernetes, as Kubernetes does: every {EVERY:g} s it looks at what"
        f" Prometheus knows, which scrapes each replica every {rule.scrape:g} s. A replica that it asks for has its"
        f" container after {node:g} s and is then ready after {costs.start:.0f} s, and costs ${price:g} an hour from"
        " when it is asked for until its last request has ended."
    )
    reading = (
        " Left out: long jobs, voices that were never heard, callers who give up or ask again, nodes that fail. First"
        " audio is that of a request's first sentence; gaps are requests of which a sentence begins or ends later than"
        " a listener needs it who plays it as it comes, but not stops within a sentence that are made good by its end."
        " Another day of the same demand moves p95 by up to 0.3 s and p99 by up to 0.4 s."
    )
    return demand + supply + reading + (NO_GPU if costs.device == "cpu" else "")


NO_GPU = (
    " There is no table for a GPU: it is not measured yet. On a machine with one, `python -m benchmarks engine"
    " growth --out DIR` measures it, and `python -m benchmarks scale --measured DIR --price ... --peak ...` puts this"
    " page for it beside."
)


def table(outcomes: Sequence[Outcome], price: float) -> Table:
    rows = []
    for outcome in outcomes:
        firsts = waits(outcome)
        rows.append(
            [
                outcome.setting.name,
                f"{outcome.replica_seconds / DAY:.1f} ({max(many for _, many in outcome.replicas)})",
                str(outcome.cold_starts),
                *(f"{percentile(firsts, percent):.2f}" for percent in (50, 95, 99)),
                f"{sum(call.gaps for call in outcome.calls) / len(outcome.calls):.0%}",
                f"{outcome.refused / (len(outcome.calls) + outcome.refused):.1%}",
                f"{cost(outcome, price):.3f}",
            ]
        )
    return Table("A day by setting", COLUMNS, rows)


def agreement(costs: Costs) -> Table:
    rows = [
        [str(live), f"{measured:.2f}", f"{costs.first(live):.2f}"]
        for live, measured in zip(costs.live, costs.firsts, strict=True)
    ]
    return Table(
        "The model against what was measured", ["texts at once", "first audio measured, s", "simulated, s"], rows
    )


def plot(outcomes: Sequence[Outcome], price: float) -> Plot:
    """The manifests' day, first audio by the hour, and what each choice gives for its money."""
    manifests, *others = outcomes
    replicas = {
        "ready": by_time(((at, float(many)) for at, many in manifests.replicas), QUARTER, mean),
        "load: 1 is all slots of one": by_time(manifests.load, QUARTER, mean),
    }
    compared = {"the manifests'": manifests} | {o.setting.name: o for o in others if o.setting.name in COMPARED}
    firsts = {name: by_time(_firsts(outcome), HALF, p95) for name, outcome in compared.items()}
    weighed, notes = _weighed(manifests, others, price)
    return Plot(
        "day",
        [
            Panel("hour of the manifests' day", "replicas", replicas, log_x=False, every=3),
            Panel("hour", "first audio, p95 of half an hour, s", firsts, log_x=False, every=3),
            Panel("$ an hour of audio", "first audio, p95 of the day, s", weighed, log_x=False, notes=notes),
        ],
    )


def _weighed(
    manifests: Outcome, others: Sequence[Outcome], price: float
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, list[str]]]:
    """Points (cost, p95) and what stands beside them, by what varies: from the cheapest to the dearest.

    Every line but the gateway's goes through the manifests' point.
    """
    ours = _worth(manifests, price)
    found: dict[str, list[tuple[float, float, str]]] = {}
    for outcome in others:
        varies = outcome.setting.varies
        if varies in WEIGHED:
            through = [] if outcome.setting.gateway else [(*ours, "")]
            found.setdefault(varies, through).append((*_worth(outcome, price), outcome.setting.value))
    ordered = {varies: sorted(some) for varies, some in found.items()}
    lines = {varies: [(dollars, seconds) for dollars, seconds, _ in some] for varies, some in ordered.items()}
    notes = {varies: [value for _, _, value in some] for varies, some in ordered.items()}
    return {**lines, "the manifests'": [ours]}, notes


def _worth(outcome: Outcome, price: float) -> tuple[float, float]:
    return cost(outcome, price), p95(waits(outcome))


def _firsts(outcome: Outcome) -> Iterable[tuple[float, float]]:
    return ((call.at, call.first - call.at) for call in outcome.calls if call.first is not None)


def by_time(
    values: Iterable[tuple[float, float]], hours: float, figure: Callable[[Sequence[float]], float]
) -> list[tuple[float, float]]:
    """(hour, figure) of the values (seconds, value) of every stretch of so many hours that has any, at its middle."""
    stretches: dict[int, list[float]] = defaultdict(list)
    for at, value in values:
        stretches[int(at / HOUR / hours)].append(value)
    return [((number + 0.5) * hours, figure(some)) for number, some in sorted(stretches.items())]


def p95(values: Sequence[float]) -> float:
    return percentile(values, 95)


def data(outcomes: Sequence[Outcome], price: float) -> dict[str, object]:
    return {
        "settings": [
            {
                "name": outcome.setting.name,
                "target": outcome.setting.rule.target,
                "least": outcome.setting.rule.least,
                "slots": outcome.setting.slots,
                "gateway": outcome.setting.gateway,
                "requests": len(outcome.calls),
                "refused": outcome.refused,
                "first_audio": {percent: percentile(waits(outcome), percent) for percent in (50, 95, 99)},
                "replica_hours": outcome.replica_seconds / HOUR,
                "audio_hours": outcome.audio_seconds / HOUR,
                "dollars_an_hour_of_audio": cost(outcome, price),
            }
            for outcome in outcomes
        ]
    }


def cost(outcome: Outcome, price: float) -> float:
    """Dollars for an hour of audio."""
    return price * outcome.replica_seconds / outcome.audio_seconds


def waits(outcome: Outcome) -> list[float]:
    return [call.first - call.at for call in outcome.calls if call.first is not None]
