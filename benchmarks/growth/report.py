"""The growth benchmark's findings as tables and a plot. Measures nothing."""

from dataclasses import dataclass, field

from benchmarks.growth.insides import LatentsTimes
from benchmarks.growth.processes import Footprint
from benchmarks.report import Panel, Plot, Table
from benchmarks.statistics import Spread

METHOD = (
    "Decode steps, slots and latents are measured inside one process on the full-size checkpoint with random weights: "
    "a step runs from codes to codes, without the vocoder. Start-up and requests are those of real server processes: "
    "requests go to the demo checkpoint, in every format, one in 20 of them wrong and one in 25 given up, and memory, "
    "threads and open files are of all the server's processes while it is idle."
)
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Plan:
    slots: tuple[int, ...]  # live ones to measure a step with
    lengths: tuple[int, ...]  # positions
    rounds: int
    marks: tuple[int, ...]  # requests served when the server's processes are looked at
    clients: int


@dataclass(frozen=True, slots=True)
class Mark:
    requests: int
    footprint: Footprint


@dataclass(slots=True)
class Findings:
    """Times in seconds."""

    plan: Plan
    marks: list[Mark] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)  # by status
    starts: dict[str, list[float]] = field(default_factory=dict)  # by model
    latents: list[LatentsTimes] = field(default_factory=list)
    slot_bytes: int = 0
    by_slots: dict[int, list[float]] = field(default_factory=dict)
    by_length: dict[int, dict[int, list[float]]] = field(default_factory=dict)  # by live slots, then by length


def tables(found: Findings) -> list[Table]:
    return [_served(found), _once(found), _by_slots(found), _by_length(found)]


def _served(found: Findings) -> Table:
    columns = ["requests served", "RSS, MB", "PSS, MB", "threads", "open files", "processes"]
    rows = [[str(mark.requests), *_cells(mark.footprint)] for mark in found.marks]
    return Table("Requests served", columns, rows)


def _cells(held: Footprint) -> list[str]:
    memory = [held.resident, held.proportional]
    counts = [held.threads, held.files, held.processes]
    return [*("" if size is None else f"{size / MEGABYTE:.1f}" for size in memory), *map(str, counts)]


def _once(found: Findings) -> Table:
    starts = [[f"start-up, {model}", f"{Spread.of(times).show('.1f')} s", ""] for model, times in found.starts.items()]
    memory, disk, miss = (
        Spread.of([getattr(times, name) * 1e3 for times in found.latents]) for name in ("memory", "disk", "miss")
    )
    rows = [
        *starts,
        ["memory of a slot", f"{found.slot_bytes / MEGABYTE:.0f} MB", ""],
        ["latents of a voice of three clips, in memory", f"{memory.show('.2f')} ms", "1 ms"],
        ["latents of that voice, on disk", f"{disk.show()} ms", "10 ms"],
        ["latents of that voice, never heard", f"{miss.show('.0f')} ms", ""],
    ]
    return Table("Once", ["what", "measured", "target, at most"], rows)


def _by_slots(found: Findings) -> Table:
    rows = []
    for live, times in found.by_slots.items():
        spread = Spread.of([time * 1e3 for time in times])
        rows.append([str(live), spread.show(".1f"), f"{spread.median / live:.1f}"])
    return Table("A decode step by live slots", ["live slots", "step, ms", "a slot's share, ms"], rows)


def _by_length(found: Findings) -> Table:
    columns = ["positions in the cache", *(f"step with {live} live, ms" for live in found.by_length)]
    rows = [
        [str(length), *(_milliseconds(lengths[length]).show(".1f") for lengths in found.by_length.values())]
        for length in found.plan.lengths
    ]
    return Table("A decode step by length", columns, rows)


def _milliseconds(times: list[float]) -> Spread:
    return Spread.of([time * 1e3 for time in times])


def plot(found: Findings) -> Plot:
    by_slots = {"step": [(live, _milliseconds(times).median) for live, times in found.by_slots.items()]}
    by_length = {
        f"{live} live": [(length, _milliseconds(times).median) for length, times in lengths.items()]
        for live, lengths in found.by_length.items()
    }
    memory = {"RSS": [(mark.requests, mark.footprint.resident / MEGABYTE) for mark in found.marks]}
    return Plot(
        "growth",
        [
            Panel("live slots", "decode step, ms", by_slots),
            Panel("positions in the cache", "decode step, ms", by_length, log_x=False),
            Panel("requests served", "memory of all processes, MB", memory, log_x=False),
        ],
    )
