"""What the precisions asked for change, on the demo and a full-size checkpoint, or on the operator's own."""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.accuracy.comparison import MAX_DIVERGENCE, MIN_AGREEMENT, MIN_SNR, Accuracy, Line, compare
from benchmarks.checkpoint import FULL, Sizes, bench_checkpoint
from benchmarks.hardware import hardware
from benchmarks.options import Options
from benchmarks.report import Report, Table, publish
from benchmarks.texts import LANGUAGE, texts
from runners.checkpoint.look import look_at
from runners.config import EngineConfig
from runners.demo import make_demo
from runners.models.landing import land
from runners.models.source import resolve_model
from runners.xtts.build import prepare_kernels
from runners.xtts.checkpoint import choose_device, load_checkpoint
from runners.xtts.model import Model
from runners.xtts.precision import Precision, choose_precision

COLUMNS = (
    "checkpoint",
    "precision",
    "places",
    f"KL, nats (<= {MAX_DIVERGENCE})",
    "worst KL",
    f"same best code (>= {MIN_AGREEMENT:.0%})",
    f"vocoder SNR, dB (>= {MIN_SNR:.0f})",
    "within limits",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Its codes are those of a checkpoint that other benchmarks make too."""

    codes: int  # of a line, at most
    lines: int
    demo_lines: int = 32  # of the demo: it is quick
    sizes: Sizes = FULL  # of the checkpoint that is made up


@dataclass(frozen=True, slots=True)
class Result:
    checkpoint: str
    precision: str
    accuracy: Accuracy


def run(options: Options) -> None:
    config = EngineConfig.from_env()
    device = choose_device(config.device, 0, torch.cuda.device_count())
    prepare_kernels(config.kernels_dir)
    plan = Plan(codes=43, lines=4) if options.quick else Plan(codes=107, lines=8)
    results = []
    for name, folder, count in checkpoints(config, options.cache, plan):
        model = load_checkpoint(look_at(folder), device)
        for precision in precisions(options.precisions or ("auto",), model, device):
            found = compare(model, precision, list(lines(model, count)), plan.codes)
            results.append(Result(name, precision.name, found))
    told = Report("accuracy", method(plan), hardware(device), data(plan, results), [table(results)])
    publish(told, options.out, options.page("accuracy"))
    print(told.tables[0].markdown())


def method(plan: Plan) -> str:
    return (
        f"Codes, at most {plan.codes} of a line, were drawn in float32 with the checkpoint's own settings and fed to"
        " both precisions. Compared are the distributions of the next code at temperature 1, before any processing, at"
        " all these places, and the samples that both vocoders make of float32's latents, of which the worst line"
        " counts."
    )


def data(plan: Plan, results: Items[Result]) -> dict[str, object]:
    limits = {"divergence": MAX_DIVERGENCE, "agreement": MIN_AGREEMENT, "snr": MIN_SNR}
    rows = [
        {
            "checkpoint": result.checkpoint,
            "precision": result.precision,
            **asdict(result.accuracy),
            "within_limits": result.accuracy.within_limits,
        }
        for result in results
    ]
    return {"plan": asdict(plan), "limits": limits, "accuracy": rows}


def table(results: Items[Result]) -> Table:
    return Table("Against float32", COLUMNS, [row(result) for result in results])


def row(result: Result) -> list[str]:
    found = result.accuracy
    return [
        result.checkpoint,
        result.precision,
        str(found.places),
        f"{found.divergence:.5f}",
        f"{found.worst_divergence:.4f}",
        f"{found.agreement:.2%}",
        f"{found.snr:.1f}",
        "yes" if found.within_limits else "no",
    ]


def checkpoints(config: EngineConfig, cache: Path, plan: Plan) -> Iterator[tuple[str, Path, int]]:
    """A checkpoint of one's own, by XTTS_MODEL, or else the two that can be made up; and the lines for each."""
    if config.model == "demo":
        yield "demo", land(cache / "demo", make_demo), plan.demo_lines
        size = "full size" if plan.sizes == FULL else "tiny"
        yield f"{size}, made-up weights", bench_checkpoint(cache, plan.codes, plan.sizes), plan.lines
        return
    yield config.model, resolve_model(config.model, config.cache_dir, config.tos_agreed), plan.lines


def precisions(names: Items[str], model: Model, device: torch.device) -> Iterator[Precision]:
    """As the server takes them. Beyond that bf16 on a CPU: slow, and the nearest thing to a GPU where there is none."""
    for name in names:
        if name == "bf16" and device.type == "cpu":
            yield Precision("bf16", False, torch.bfloat16, torch.bfloat16)
        else:
            yield choose_precision(name, device, model.gpt.blocks[0])


def lines(model: Model, count: int) -> Iterator[Line]:
    speakers = list(model.speakers)[:2]
    for index, text in enumerate(texts(count)):
        yield Line(LANGUAGE, text, speakers[index % len(speakers)])
