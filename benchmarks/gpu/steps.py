"""Decode steps alone, beside their floor: as CUDA graphs or not, with FlashAttention or masks."""

import gc
from collections.abc import Iterator
from dataclasses import asdict
from statistics import median

import torch

from benchmarks.gpu.bench import Bench, not_here
from benchmarks.gpu.parts import Row
from benchmarks.growth.insides import Steps
from runners.checkpoint.look import look_at
from runners.xtts.build import build_decoder
from runners.xtts.checkpoint import load_checkpoint, sampling_defaults
from runners.xtts.decoder import Decoder, capacity_of, rows_of
from runners.xtts.model import Model
from runners.xtts.precision import FP32, choose_precision
from runners.xtts.sampling import SamplingParams
from runners.xtts.transformer import TorchTransformer, flash_works

COLUMNS = ("step", "live", "positions", "step, ms", "its floor, ms", "x floor", "same codes as the first")
STEPS = 16  # of each measurement, after two that do not count

Codes = dict[tuple[int, int], list[int]]  # by live slots and positions


def by_variant(bench: Bench) -> Iterator[Row]:
    """The plainest first: it works where capturing or FlashAttention fails."""
    model = load_checkpoint(look_at(bench.checkpoint()), bench.on)
    gpt, blocks = model.gpt, model.gpt.blocks
    precision = choose_precision(bench.precision, bench.on, blocks[0]) if bench.has_cuda else FP32
    masks = TorchTransformer(blocks, rows_of(bench.slots), capacity_of(gpt), precision.transformer)
    decoder = Decoder(gpt, masks, bench.slots)
    codes: Codes = {}
    yield from _rows("masks, no graphs", bench, model, decoder, codes)
    if not bench.has_cuda:
        yield not_here("masks, graphs", COLUMNS)
        yield not_here("FlashAttention, graphs", COLUMNS)
        return
    decoder.capture()
    yield from _rows("masks, graphs", bench, model, decoder, codes)
    del masks, decoder
    gc.collect()
    torch.cuda.empty_cache()  # one cache of keys and values at a time
    decoder = build_decoder(gpt, bench.slots, precision)
    name = "FlashAttention" if flash_works(blocks, precision.transformer) else "FlashAttention refused: masks"
    yield from _rows(f"{name}, graphs", bench, model, decoder, codes)


def _rows(name: str, bench: Bench, model: Model, decoder: Decoder, reference: Codes) -> Iterator[Row]:
    """`reference`: the first variant's codes, which it leaves there."""
    voice = next(iter(model.speakers.values()))["gpt_cond_latent"]
    steps = Steps(decoder, voice, SamplingParams(**asdict(sampling_defaults(model.config)), stream=0))
    for live in bench.plan.concurrencies:
        for length in bench.plan.lengths:
            steps.fill(live, length)
            times, codes = [], []
            for _ in range(STEPS + 2):
                times.append(1000 * steps.step())
                codes += steps.codes
            expected = reference.setdefault((live, length), codes)
            same = sum(map(int.__eq__, expected, codes)) / len(codes)
            step, floor = median(times[2:]), steps.step_bytes / bench.bandwidth / 1e6
            yield (name, str(live), str(length), f"{step:.2f}", f"{floor:.2f}", f"{step / floor:.1f}", f"{same:.0%}")
