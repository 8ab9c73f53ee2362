"""From the loaded model to the parts of the engine, in the precision and for the slots that there shall be."""

import ctypes
import gc
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import torch

from runners.errors import ConfigurationError
from runners.xtts.decoder import Decoder, capacity_of, rows_of
from runners.xtts.gpt import GPT
from runners.xtts.identity import sources_identity
from runners.xtts.mapped import own_memory
from runners.xtts.model import Model
from runners.xtts.precision import Precision
from runners.xtts.silent_channels import without_silent_channels
from runners.xtts.transformer import TorchTransformer, Transformer, flash_works, position_bytes
from runners.xtts.vocoder import Vocoder

CPU_SLOTS = 8
MOST_SLOTS = 256  # taken unasked
MEMORY_FOR_SLOTS = 0.6  # of what is free on a GPU once the model is loaded; the rest is working memory


def build_decoder(gpt: GPT, slots: int, precision: Precision) -> Decoder:
    """`gpt` in eval mode, whose blocks are cast in place, or their weights taken."""
    transformer = build_transformer(gpt, rows_of(slots), precision)
    decoder = Decoder(gpt, transformer, slots)
    decoder.capture()
    return decoder


def build_transformer(gpt: GPT, slots: int, precision: Precision) -> Transformer:
    blocks, capacity = gpt.blocks, capacity_of(gpt)
    if not precision.int10:
        own_memory(gpt.gpt)
        flash = flash_works(blocks, precision.transformer)
        return TorchTransformer(blocks, slots, capacity, precision.transformer, flash=flash)
    from runners.xtts.int10.transformer import (
        Int10Transformer,  # its kernels are looked up in the cache as it is imported
    )

    transformer = Int10Transformer(blocks, slots, capacity)
    own_memory(gpt.gpt)  # what it has left in them: the file is done with
    return transformer


def build_vocoder(model: Model, precision: Precision) -> Vocoder:
    """Takes the waveform decoder out of `model`: there is no need for two."""
    stream = torch.cuda.Stream(model.device) if model.device.type == "cuda" else None  # type: ignore[no-untyped-call]
    generator = without_silent_channels(model.hifigan_decoder.waveform_decoder)
    vocoder = Vocoder(generator, model.args.output_hop_length, precision.vocoder, stream)
    model.hifigan_decoder.waveform_decoder = None
    return vocoder


def slots_that_fit(gpt: GPT, precision: Precision) -> int:
    """For XTTS_SLOTS=auto. On a GPU as many as its free memory holds. Raises ConfigurationError when it holds none."""
    if gpt.device.type != "cuda":
        return CPU_SLOTS
    capacity = capacity_of(gpt)
    size = capacity * position_bytes(gpt.blocks, precision.transformer) + 4 * gpt.max_codes * gpt.dim
    free, _ = torch.cuda.mem_get_info(gpt.device)
    slots = min(int(free * MEMORY_FOR_SLOTS) // size, MOST_SLOTS)
    if slots < 1:
        raise ConfigurationError(f"{gpt.device} has {free >> 20} MiB free: too few for one slot of {size >> 20} MiB")
    return slots // 8 * 8 or slots


def give_memory_back() -> None:
    """To the system, what loading has freed: glibc keeps it, and it is gigabytes."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def prepare_kernels(folder: Path) -> None:
    """Before the CPU kernels are first imported: where they are kept once compiled (ten seconds; every version of them
    has a folder of its own), on how many threads they run, and that the CPU's multiply-add is one instruction, where
    LLVM thinks that two finish sooner. The threads are torch's: numba would set both."""
    settings: Any = numba.config
    settings.CACHE_DIR = str(folder / sources_identity(Path(__file__).parent / "int10"))
    settings.NUMBA_NUM_THREADS = torch.get_num_threads()
    if settings.CPU_FEATURES is None:
        settings.CPU_FEATURES = f"{llvm.get_host_cpu_features().flatten()},+fast-dpwssd"
