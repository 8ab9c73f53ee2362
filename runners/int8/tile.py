"""The inner product that everything else waits for: a few rows of int16 by 2 x LANES columns of int8, exact in int32.

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

BLOCKS = 2  # vectors of columns in a tile
_AHEAD = 4096  # bytes to fetch ahead: without it 8 rows take 1.6 times as long
_FEATURES = llvm.get_host_cpu_features()
_WIDE = bool(_FEATURES.get("avx512bw"))
HAS_BFLOAT16 = bool(_FEATURES.get("avx512bf16"))  # products of bfloat16, for whom it concerns
LANES = 16 if _WIDE else 8  # int32 in a vector
COLUMNS = BLOCKS * LANES  # of a tile
_MULTIPLY_ADD = "llvm.x86.avx512.pmaddw.d.512" if _WIDE else "llvm.x86.avx2.pmadd.wd"

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_PREFETCH = ir.FunctionType(ir.VoidType(), [ir.PointerType(_I8), _I32, _I32, _I32])
_WEIGHTS, _PAIRS, _SUMS = ir.VectorType(_I8, 2 * LANES), ir.VectorType(_I16, 2 * LANES), ir.VectorType(_I32, LANES)


def supported(block: Any) -> bool:
    """Whether this CPU has the instructions and `block` (GPT2Block) the shapes."""
    return (_WIDE or bool(_FEATURES.get("avx2"))) and block.attn.head_dim % COLUMNS == 0


def pack(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """(columns, inputs) to one flat array in the order in which tiles read it: COLUMNS by COLUMNS, in each the inputs
    pair by pair, in each pair column by column. `columns` is a multiple of COLUMNS, `inputs` is even."""
    columns, inputs = weight.shape
    pairs = weight.reshape(columns // COLUMNS, COLUMNS, inputs // 2, 2)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1, 3)).reshape(-1)


def make_tile(rows: int) -> Callable[..., None]:
    """`tile(x, row, packed, column, sums)`: int16 x (any, inputs), of which `rows` from `row` on, by COLUMNS columns of
    the packed weights from `column` on, into the same rows of int32 sums (any, COLUMNS)."""

    @intrinsic
    def tile(typing: Any, x: Any, row: Any, packed: Any, column: Any, sums: Any) -> Any:
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
                packed=builder.gep(packed.data, [builder.mul(args[3], inputs)]),
                sums=builder.gep(sums.data, [builder.mul(args[1], stride)]),
            )
            return context.get_dummy_value()

        return signature, generate

    return tile


def _emit(b: Any, rows: int, inputs: Any, stride: Any, *, x: Any, packed: Any, sums: Any) -> None:
    """A loop over the inputs, two at a time: each row's pair, repeated over the lanes, times every block's weights."""
    multiply_add = cgutils.get_or_insert_function(b.module, ir.FunctionType(_SUMS, [_PAIRS, _PAIRS]), _MULTIPLY_ADD)
    prefetch = b.module.declare_intrinsic("llvm.prefetch", (), _PREFETCH)
    entry, loop, done = b.block, b.append_basic_block("pairs"), b.append_basic_block("done")
    b.branch(loop)
    b.position_at_end(loop)
    at = b.phi(_I64)
    at.add_incoming(_I64(0), entry)
    before = [[b.phi(_SUMS) for _ in range(BLOCKS)] for _ in range(rows)]
    here = b.gep(packed, [b.mul(at, _I64(COLUMNS))])
    b.call(prefetch, [b.gep(here, [_I64(_AHEAD)]), _I32(0), _I32(3), _I32(1)])  # to read, into all caches, data
    weights = [_weights(b, here, block) for block in range(BLOCKS)]
    after = []
    for row, totals in enumerate(before):
        pair = _repeated(b, b.gep(x, [b.add(at, b.mul(inputs, _I64(row)))]))
        after.append([b.add(total, b.call(multiply_add, [pair, w])) for total, w in zip(totals, weights, strict=True)])
    following = b.add(at, _I64(2))
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


def _weights(b: Any, pair: Any, block: int) -> Any:
    """One block's weights for a pair of inputs, widened to 16 bits."""
    narrow = b.load(b.bitcast(b.gep(pair, [_I64(2 * LANES * block)]), ir.PointerType(_WEIGHTS)), align=1)
    return b.sext(narrow, _PAIRS)


def _repeated(b: Any, pair: Any) -> Any:
    """The two int16 at `pair`, in every lane."""
    nothing = ir.Constant(_SUMS, ir.Undefined)
    both = b.insert_element(nothing, b.load(b.bitcast(pair, ir.PointerType(_I32)), align=2), _I32(0))
    return b.bitcast(b.shuffle_vector(both, nothing, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)), _PAIRS)
