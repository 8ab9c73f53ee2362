"""Results on disk: NAME.json with everything, NAME.md with the tables, a plot, and a page's own table.

Knows nothing of what was measured.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from benchmarks.hardware import Hardware

MANY = 40  # points of a line: it is drawn without them


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are texts as they are to be read. A target or a unit belongs in the column's name."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        rule = ["---", *["---:"] * (len(self.columns) - 1)]  # names to the left, figures to the right
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *self.rows))


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: lines by name, each a sequence of (x, y)."""

    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    log_x: bool = True  # by powers of two
    every: float | None = None  # between two figures of the x axis, if it is not to be found
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by line, beside each of its points


@dataclass(frozen=True, slots=True)
class Plot:
    """Panels side by side in NAME-SUFFIX.svg."""

    suffix: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Report:
    name: str  # engine, service, ...
    method: str  # two sentences: what was done, and how it was counted
    hardware: Hardware
    data: Mapping[str, object]  # everything raw, as JSON can hold it
    tables: Sequence[Table]  # the first is shown in a page
    plots: Sequence[Plot] = field(default_factory=tuple)


def publish(report: Report, out: Path, page: Path | None = None) -> None:
    """Write the report into `out`, and its first table between the page's markers.

    Raises ValueError when the page has no `<!-- bench:NAME -->` ... `<!-- /bench -->`.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = {"hardware": asdict(report.hardware), "method": report.method, **report.data}
    (out / f"{report.name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (out / f"{report.name}.md").write_text(_page(report), encoding="utf-8")
    for plot in report.plots:
        _draw(plot, out / f"{report.name}-{plot.suffix}.svg")
    if page is not None:
        replaced = between_markers(page.read_text(encoding="utf-8"), report.name, _excerpt(report))
        page.write_text(replaced, encoding="utf-8")


def between_markers(text: str, name: str, content: str) -> str:
    """`text` with `content` in place of what stood between the markers of `name`."""
    opening, closing = f"<!-- bench:{name} -->", "<!-- /bench -->"
    found = re.search(f"{re.escape(opening)}.*?{re.escape(closing)}", text, re.DOTALL)
    if not found:
        raise ValueError(f"there is no {opening} ... {closing} to put the table in")
    return f"{text[: found.start()]}{opening}\n{content}\n{closing}{text[found.end() :]}"


def _page(report: Report) -> str:
    parts = [f"# {report.name}", report.method, report.hardware.line() + "."]
    for table in report.tables:
        parts += [f"## {table.title}", table.markdown()]
    parts += [f"![{plot.suffix}]({report.name}-{plot.suffix}.svg)" for plot in report.plots]
    return "\n\n".join(parts) + "\n"


def _excerpt(report: Report) -> str:
    return f"{report.tables[0].markdown()}\n\n{report.hardware.line()}."


def _draw(plot: Plot, path: Path) -> None:
    figure = Figure(figsize=(5 * len(plot.panels), 3.6), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(plot.panels), squeeze=False)[0], plot.panels, strict=True):
        for number, (name, points) in enumerate(panel.lines.items()):
            axes.plot(*zip(*points, strict=True), marker="o" if len(points) < MANY else "", markersize=4, label=name)
            for point, note in zip(points, panel.notes.get(name, ()), strict=False):
                aside = (4, 4 if number % 4 < 2 else -9)  # above or below, so that neighbours keep apart
                axes.annotate(note, point, aside, textcoords="offset points", fontsize="x-small")
        if panel.log_x:
            axes.set_xscale("log", base=2)
        if panel.every:
            axes.xaxis.set_major_locator(MultipleLocator(panel.every))
        axes.set(xlabel=panel.x, ylabel=panel.y)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if panel.lines:
            axes.legend(fontsize="small")
    figure.savefig(path, format="svg", metadata={"Date": None})
