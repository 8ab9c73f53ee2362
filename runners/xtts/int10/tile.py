"""The inner product that all else waits for: a few rows of int16 by 2 x LANES columns of 10 bits, exact in int32.

Written as LLVM IR, because LLVM's vectoriser does not find the CPU's multiply-add of 16-bit pairs (`vpmaddwd`, and with
VNNI `vpdpwssd`) by itself once a weight is used for more than one row. Numba compiles it for the CPU at hand.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

WEIGHT_LIMIT = 511  # of a weight, in either direction
BLOCKS = 2  # vectors of columns in a tile
_AHEAD = 4096  # bytes to fetch ahead: without it 8 rows take 1.6 times as long
_FEATURES = llvm.get_host_cpu_features()
_WIDE = bool(_FEATURES.get("avx512bw"))
HAS_BFLOAT16 = bool(_FEATURES.get("avx512bf16"))  # products of bfloat16, for whom it concerns
LANES = 16 if _WIDE else 8  # int32 in a vector
COLUMNS = BLOCKS * LANES  # of a tile
_STEP = (2 * BLOCKS + 1) * 2 * LANES  # bytes that hold four inputs of all columns
_MULTIPLY_ADD = "llvm.x86.avx512.pmaddw.d.512" if _WIDE else "llvm.x86.avx2.pmadd.wd"

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_PREFETCH = ir.FunctionType(ir.VoidType(), [ir.PointerType(_I8), _I32, _I32, _I32])
_BYTES, _PAIRS, _SUMS = ir.VectorType(_I8, 2 * LANES), ir.VectorType(_I16, 2 * LANES), ir.VectorType(_I32, LANES)


def supported(block: Any) -> bool:
    """Whether this CPU has the instructions and `block` (GPT2Block) the shapes."""
    return (_WIDE or bool(_FEATURES.get("avx2"))) and block.attn.head_dim % COLUMNS == 0


def pack(weight: NDArray[np.int16]) -> NDArray[np.int8]:
    """(columns, inputs) of -512 .. 511 to one flat array in the order in which tiles read it.

    COLUMNS by COLUMNS, in each of them four inputs by four: the upper 8 bits of the first pair of inputs, those of the
    second, and the lower 2 bits of all, four to a byte. In a pair, block by block and column by column. `columns` is a
    multiple of COLUMNS, `inputs` of 4.
    """
    columns, inputs = weight.shape
    split = weight.reshape(columns // COLUMNS, BLOCKS, LANES, inputs // 4, 2, 2)
    vectors = split.transpose(0, 3, 4, 1, 2, 5).reshape(columns // COLUMNS, inputs // 4, 2 * BLOCKS, 2 * LANES)
    upper, lower = (vectors >> 2).astype(np.uint8), (vectors & 3).astype(np.uint8)
    shifts = 2 * np.arange(2 * BLOCKS, dtype=np.uint8)[:, None]
    joined = np.bitwise_or.reduce(lower << shifts, axis=2, keepdims=True)
    return np.concatenate([upper, joined], axis=2).reshape(-1).view(np.int8)


def make_tile(rows: int) -> Callable[..., None]:
    """`tile(x, row, packed, tile, sums)`: int16 x (any, inputs), of which `rows` from `row` on, by the COLUMNS columns
    of a tile of the packed weights, into the same rows of int32 sums (any, COLUMNS)."""

    @intrinsic
    def tile(typing: Any, x: Any, row: Any, packed: Any, tile: Any, sums: Any) -> Any:
        signature = types.void(x, types.int64, packed, types.int64, sums)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, packed, sums = (context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 2, 4))
            inputs = cgutils.unpack_tuple(builder, x.shape)[1]
            stride = cgutils.unpack_tuple(builder, sums.shape)[1]
            _emit(
                builder,
                rows,
                inputs,
                stride,
                x=builder.gep(x.data, [builder.mul(args[1], inputs)]),
                packed=builder.gep(packed.data, [builder.mul(args[3], builder.mul(inputs, _I64(_STEP // 4)))]),
                sums=builder.gep(sums.data, [builder.mul(args[1], stride)]),
            )
            return context.get_dummy_value()

        return signature, generate

    return tile


@intrinsic
def fetch(typing: Any, array: Any, at: Any) -> Any:
    """Begin to read row `at` of a two-dimensional array of 64 x 16 bits into the CPU's cache."""

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, b, args[0])
        start = b.bitcast(array.data, ir.PointerType(_I8))
        prefetch = b.module.declare_intrinsic("llvm.prefetch", (), _PREFETCH)
        for line in (0, 64):
            where = b.gep(start, [b.add(b.mul(args[1], _I64(128)), _I64(line))])
            b.call(prefetch, [where, _I32(0), _I32(3), _I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _emit(b: Any, rows: int, inputs: Any, stride: Any, *, x: Any, packed: Any, sums: Any) -> None:
    """A loop over the inputs, four at a time: each row's pairs, repeated over the lanes, times all blocks' weights."""
    entry, loop, done = b.block, b.append_basic_block("inputs"), b.append_basic_block("done")
    b.branch(loop)
    b.position_at_end(loop)
    at = b.phi(_I64)
    at.add_incoming(_I64(0), entry)
    before = [[b.phi(_SUMS) for _ in range(BLOCKS)] for _ in range(rows)]
    weights = _weights(b, b.gep(packed, [b.mul(at, _I64(_STEP // 4))]))
    after = [_add_row(b, b.gep(x, [b.add(at, b.mul(inputs, _I64(row)))]), weights, before[row]) for row in range(rows)]
    following = b.add(at, _I64(4))
    at.add_incoming(following, b.block)
    for totals, sums_so_far in zip(before, after, strict=True):
        for total, so_far in zip(totals, sums_so_far, strict=True):
            total.add_incoming(ir.Constant(_SUMS, None), entry)
            total.add_incoming(so_far, b.block)
    b.cbranch(b.icmp_signed("<", following, inputs), loop, done)
    b.position_at_end(done)
    for row, totals in enumerate(after):
        for block, total in enumerate(totals):
            to = b.gep(sums, [b.add(b.mul(stride, _I64(row)), _I64(block * LANES))])
            b.store(total, b.bitcast(to, ir.PointerType(_SUMS)), align=4)


def _add_row(b: Any, x: Any, weights: list[list[Any]], totals: list[Any]) -> list[Any]:
    """A row's two pairs at `x` times both pairs of weights, on top of the totals of the blocks."""
    multiply_add = cgutils.get_or_insert_function(b.module, ir.FunctionType(_SUMS, [_PAIRS, _PAIRS]), _MULTIPLY_ADD)
    for number, blocks in enumerate(weights):
        pair = _repeated(b, b.gep(x, [_I64(2 * number)]))
        totals = [b.add(total, b.call(multiply_add, [pair, w])) for total, w in zip(totals, blocks, strict=True)]
    return totals


def _weights(b: Any, here: Any) -> list[list[Any]]:
    """For each of two pairs of inputs the weights of each block, as int16: 4 x their upper bits + their lower."""
    prefetch = b.module.declare_intrinsic("llvm.prefetch", (), _PREFETCH)
    for line in range(_AHEAD, _AHEAD + _STEP, 64):
        b.call(prefetch, [b.gep(here, [_I64(line)]), _I32(0), _I32(3), _I32(1)])  # to read, into all caches, data
    lower = b.zext(_load(b, here, 2 * BLOCKS), _PAIRS)
    weights = []
    for vector in range(2 * BLOCKS):
        two_bits = b.and_(b.lshr(lower, _same(2 * vector)), _same(3))
        weights.append(b.add(b.shl(b.sext(_load(b, here, vector), _PAIRS), _same(2)), two_bits))
    return [weights[:BLOCKS], weights[BLOCKS:]]


def _load(b: Any, here: Any, vector: int) -> Any:
    at = b.gep(here, [_I64(2 * LANES * vector)])
    return b.load(b.bitcast(at, ir.PointerType(_BYTES)), align=1)


def _same(number: int) -> Any:
    return ir.Constant(_PAIRS, [number] * (2 * LANES))


def _repeated(b: Any, pair: Any) -> Any:
    """The two int16 at `pair`, in every lane."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    both = b.insert_element(nothing, b.load(b.bitcast(pair, ir.PointerType(_I32)), align=2), _I32(0))
    return b.bitcast(b.shuffle_vector(both, nothing, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)), _PAIRS)
