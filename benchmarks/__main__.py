"""`python -m benchmarks [NAME ...] [--quick]`: no name means all of them but gpu."""

import argparse
import logging
import signal
import sys
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.options import QUICK_RESULTS, RESULTS, Options
from runners.config import PRECISIONS, EngineConfig
from runners.cpu import cores

# Packages, each with a `run.run(options)`
NAMES = ("engine", "service", "growth", "accuracy", "loading", "scale", "stress")
BY_NAME_ONLY = ("gpu",)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = (*NAMES, *BY_NAME_ONLY)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(known)}; none means all but gpu")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="seven minutes on two idle cores instead of an hour; no page is changed",
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the results (benchmarks/results; output/benchmarks if quick)"
    )
    parser.add_argument(
        "--precision",
        action="append",
        dest="precisions",
        choices=PRECISIONS,
        help="XTTS_PRECISION to measure; may be repeated (auto; engine, if not quick, fp32 too)",
    )
    parser.add_argument(
        "--measured",
        type=Path,
        default=RESULTS,
        help="scale: where the engine and growth benchmarks left their results, perhaps of another machine; its own go"
        " there too (benchmarks/results)",
    )
    parser.add_argument("--price", type=float, default=0.1, help="scale: dollars for an hour of a replica (0.1)")
    parser.add_argument("--peak", type=float, default=1.4, help="scale: requests a second in the busiest hour (1.4)")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    torch.set_num_threads(cores())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    options = Options(
        quick=asked.quick,
        out=asked.out or (QUICK_RESULTS if asked.quick else asked.measured),
        cache=EngineConfig.from_env().cache_dir / "benchmarks",
        precisions=tuple(asked.precisions or ()),
        measured=asked.measured,
        price=asked.price,
        peak=asked.peak,
    )
    for name in asked.names or NAMES:
        import_module(f"benchmarks.{name}.run").run(options)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is ended
    main()
