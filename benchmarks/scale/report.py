"""The simulated days as a table and a plot, and in words what was assumed."""

from collections.abc import Sequence

from benchmarks.report import Panel, Plot, Table
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
BUCKET = 0.5  # hours, of the plot's percentiles


def method(peak: float, price: float, node: float, costs: Costs) -> str:
    begin, length, times = BURST
    demand = (
        f"Simulated, not measured: a day of requests at Poisson times, {peak:g} a second in the busiest hour,"
        f" {NIGHT:.0%} of that at 4 in the morning, and {times:g} times as many for {length / 60:g} minutes at"
        f" {begin / HOUR:g} o'clock; of ten requests five are of one sentence, three of two, two of five, and each"
        f" sentence is {costs.audio:.1f} s of speech."
    )
    supply = (
        " Replicas take the steps, prefills and start-up that the other benchmarks measured on the machine below; a"
        " request goes to a ready one by chance, waits in its line, and all that is live advances together. Every 15 s"
        " the autoscaler follows the rule in deploy/kubernetes, as Kubernetes does; a replica that it asks for has its"
        f" container after {node:g} s and is then ready after {costs.start:.0f} s, and costs ${price:g} an hour from"
        " when it is asked for until its last request has ended."
    )
    reading = (
        " Left out: long jobs, voices that were never heard, callers who give up or ask again, nodes that fail. First"
        " audio is that of a request's first sentence; gaps are requests whose listener, if it played them as they"
        " come, would hear them stop."
    )
    return demand + supply + reading


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


def plot(outcomes: Sequence[Outcome]) -> Plot:
    """Of the first setting, the manifests'."""
    first, *_ = outcomes
    replicas = [(at / HOUR, float(many)) for at, many in first.replicas[::40]]
    load = [(at / HOUR, load) for at, load in first.load[::40]]
    return Plot(
        "day",
        [
            Panel("hour", "replicas", {"ready": replicas, "load": load}, log_x=False),
            Panel("hour", "first audio, p95, s", {o.setting.name: by_time(o) for o in outcomes[:3]}, log_x=False),
        ],
    )


def by_time(outcome: Outcome) -> list[tuple[float, float]]:
    """(hour, p95 of first audio) of every half hour in which there were requests."""
    buckets: dict[int, list[float]] = {}
    for call in outcome.calls:
        if call.first is not None:
            buckets.setdefault(int(call.at / HOUR / BUCKET), []).append(call.first - call.at)
    return [((number + 0.5) * BUCKET, percentile(some, 95)) for number, some in sorted(buckets.items())]


def data(outcomes: Sequence[Outcome], price: float) -> dict[str, object]:
    return {
        "settings": [
            {
                "name": outcome.setting.name,
                "target": outcome.setting.rule.target,
                "least": outcome.setting.rule.least,
                "slots": outcome.setting.slots,
                "requests": len(outcome.calls),
                "refused": outcome.refused,
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
