"""Transformer blocks over rows of any sequences: each row is one position of one slot, prefill and decode alike.

A row's result is computed from that row and its own slot's cache alone, by the same instructions in any company:
products are exact integers, and every sum of floats runs over one row. So its bits never depend on other rows.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from runners.xtts.int10.tile import COLUMNS, WEIGHT_LIMIT, fetch, make_tile

Floats = NDArray[np.float32]

# Flags that are not given would be taken from whatever function calls first: all are. What is not inlined LLVM
# optimises once alone and once more in its caller; which of the two runs, and with it the last bits of a sum, would
# depend on whether the kernels were compiled by this process or loaded.
_flags: Any = partial(njit, nogil=True, error_model="numpy", cache=True, fastmath=False)
_compiled: Any = partial(_flags, forceinline=True)
_parallel: Any = partial(_flags, parallel=True)
_summing: Any = partial(_compiled, fastmath={"reassoc", "contract", "nsz"})  # lets sums over a row use all lanes
_MANY = 16  # rows from which it pays to share even the small work among threads
_SET, _ADD, _GELU = 0, 1, 2  # what becomes of a product

_FLOAT, _INTEGER = ir.FloatType(), ir.IntType(32)

_tile_of_8, _tile_of_4 = make_tile(8), make_tile(4)


class Linear(NamedTuple):
    """One matrix of every layer: weight = packed x scale, per column."""

    packed: NDArray[np.int8]  # (layers, bytes), see tile.pack
    scale: Floats  # (layers, columns)
    bias: Floats  # (layers, columns)


class Norm(NamedTuple):
    weight: Floats  # (layers, dim)
    bias: Floats  # (layers, dim)
    epsilon: float


class Weights(NamedTuple):
    """GPT-2 blocks: norm_1, attention (query, key, value), projection, norm_2, widen (GELU), narrow."""

    norm_1: Norm
    attention: Linear
    projection: Linear
    norm_2: Norm
    widen: Linear
    narrow: Linear


class Cache(NamedTuple):
    """Keys and values in bfloat16: (layers, slots, heads, capacity, head_dim), as uint16."""

    keys: NDArray[np.uint16]
    values: NDArray[np.uint16]


@_flags()
def forward(x: Floats, slots: Any, positions: Any, weights: Weights, cache: Cache, workers: int) -> None:
    """All layers over float32 x (rows, dim), in place. `slots`, `positions`: int64 (rows,); a row attends to its
    slot's positions up to its own, and rows of the same slot stand in order."""
    rows, dim = x.shape
    layers, _, _, capacity, _ = cache.keys.shape
    narrow, wide = np.empty((rows, dim), np.float32), np.empty((rows, 4 * dim), np.float32)
    padded = (rows + 3) // 4 * 4  # what is computed for the rows beyond is not read
    narrow_quantised, wide_quantised = np.empty((padded, dim), np.int16), np.empty((padded, 4 * dim), np.int16)
    scales = np.empty(rows, np.float32)
    joined = np.empty((rows, 3 * dim), np.float32)
    sums = np.empty((workers, padded, COLUMNS), np.int32)
    scores = np.empty((workers, capacity), np.float32)
    for layer in range(layers):
        _normalise(x, weights.norm_1, layer, narrow)
        _quantise(narrow, narrow_quantised, scales)
        _multiply(narrow_quantised, scales, weights.attention, layer, sums, joined, _SET)
        _attend(joined, slots, positions, cache.keys[layer], cache.values[layer], scores, narrow)
        _quantise(narrow, narrow_quantised, scales)
        _multiply(narrow_quantised, scales, weights.projection, layer, sums, x, _ADD)
        _normalise(x, weights.norm_2, layer, narrow)
        _quantise(narrow, narrow_quantised, scales)
        _multiply(narrow_quantised, scales, weights.widen, layer, sums, wide, _GELU)
        _quantise(wide, wide_quantised, scales)
        _multiply(wide_quantised, scales, weights.narrow, layer, sums, x, _ADD)


@_parallel()
def _multiply(x: Any, scales: Floats, linear: Linear, layer: int, sums: Any, out: Floats, then: int) -> None:
    """x (rows, inputs) times the layer's matrix, into `out` (rows, columns). Workers share the columns."""
    packed, scale, bias = linear.packed[layer], linear.scale[layer], linear.bias[layer]
    workers, tiles = sums.shape[0], out.shape[1] // COLUMNS
    for worker in prange(workers):
        for tile in range(tiles * worker // workers, tiles * (worker + 1) // workers):
            _accumulate(x, packed, tile, sums[worker])
            _scale(sums[worker], scales, scale, bias, tile * COLUMNS, out, then)


@_compiled()
def _scale(sums: Any, scales: Floats, scale: Floats, bias: Floats, column: int, out: Floats, then: int) -> None:
    """A tile's sums to floats, and on to what becomes of the product."""
    scale, bias = scale[column : column + COLUMNS], bias[column : column + COLUMNS]
    for row in range(out.shape[0]):
        total, own, to = sums[row], scales[row], out[row, column : column + COLUMNS]
        if then == _SET:
            for at in range(COLUMNS):
                to[at] = np.float32(total[at]) * (own * scale[at]) + bias[at]
        elif then == _ADD:
            for at in range(COLUMNS):
                to[at] += np.float32(total[at]) * (own * scale[at]) + bias[at]
        else:
            for at in range(COLUMNS):
                to[at] = _gelu(np.float32(total[at]) * (own * scale[at]) + bias[at])


@_compiled()
def _accumulate(x: Any, packed: Any, tile: int, sums: Any) -> None:
    """All rows, a multiple of 4, by a tile of columns."""
    rows, row = x.shape[0], 0
    while row + 8 <= rows:
        _tile_of_8(x, row, packed, tile, sums)
        row += 8
    if row < rows:
        _tile_of_4(x, row, packed, tile, sums)


@_parallel()
def _quantise(x: Floats, out: Any, scales: Floats) -> None:
    """Each row to int16 by its own scale. The range keeps a sum over all inputs within 32 bits."""
    limit = np.float32(min(32767, (2**31 - 1) // (WEIGHT_LIMIT * x.shape[1])))
    if x.shape[0] < _MANY:
        for row in range(x.shape[0]):
            _quantise_row(x[row], out[row], scales, row, limit)
    else:
        for row in prange(x.shape[0]):
            _quantise_row(x[row], out[row], scales, row, limit)


@_compiled()
def _quantise_row(x: Floats, out: Any, scales: Floats, row: int, limit: np.float32) -> None:
    bits, most = x.view(np.int32), np.int32(0)
    for at in range(len(x)):
        most = max(most, bits[at] & np.int32(0x7FFFFFFF))  # magnitudes have the order of their bits, NaN above all
    largest = _as_float(most)
    scales[row] = largest / limit
    inverse = limit / largest if largest != 0 else np.float32(0)
    for at in range(len(x)):
        out[at] = np.int16(np.int32(_nearest(x[at] * inverse)))


@_parallel()
def _normalise(x: Floats, norm: Norm, layer: int, out: Floats) -> None:
    weight, bias, epsilon = norm.weight[layer], norm.bias[layer], np.float32(norm.epsilon)
    if x.shape[0] < _MANY:
        for row in range(x.shape[0]):
            _normalise_row(x[row], weight, bias, epsilon, out[row])
    else:
        for row in prange(x.shape[0]):
            _normalise_row(x[row], weight, bias, epsilon, out[row])


@_summing()
def _normalise_row(x: Floats, weight: Floats, bias: Floats, epsilon: np.float32, out: Floats) -> None:
    total = np.float32(0)
    for at in range(len(x)):
        total += x[at]
    mean = total / np.float32(len(x))
    squares = np.float32(0)
    for at in range(len(x)):
        squares += (x[at] - mean) * (x[at] - mean)
    inverse = np.float32(1) / np.sqrt(squares / np.float32(len(x)) + epsilon)
    for at in range(len(x)):
        out[at] = (x[at] - mean) * inverse * weight[at] + bias[at]


@_parallel()
def _attend(joined: Floats, slots: Any, positions: Any, keys: Any, values: Any, scores: Floats, out: Floats) -> None:
    """Into the cache with every row's key and value, then each query over its slot: (rows, dim). Workers share the
    heads. keys, values: one layer's cache."""
    rows, dim = out.shape
    heads, head_dim = keys.shape[1], keys.shape[3]
    workers = scores.shape[0]
    for worker in prange(workers):
        for head in range(heads * worker // workers, heads * (worker + 1) // workers):
            here = head * head_dim
            for row in range(rows):
                _remember(joined[row, dim + here :], keys[slots[row], head, positions[row]])
                _remember(joined[row, 2 * dim + here :], values[slots[row], head, positions[row]])
            for row in range(rows):
                query, to = joined[row, here : here + head_dim], out[row, here : here + head_dim]
                own_keys, own_values = keys[slots[row], head], values[slots[row], head]
                following = keys[slots[min(row + 1, rows - 1)], head]
                _attend_row(query, own_keys, own_values, following, positions[row] + 1, scores[worker], to)


@_compiled()
def _remember(vector: Floats, cached: Any) -> None:
    for at in range(len(cached)):
        cached[at] = _to_bfloat16(vector[at])


@_summing()
def _attend_row(
    query: Floats, keys: Any, values: Any, following: Any, length: int, scores: Floats, out: Floats
) -> None:
    """Softmax attention of one query over the first `length` positions. `following`: the next row's keys."""
    for at in range(length):
        fetch(values, at)
        scores[at] = _dot(query, keys[at])
    largest = _largest(scores[:length])
    share = np.float32(1) / np.sqrt(np.float32(len(query)))
    total = np.float32(0)
    for at in range(length):
        scores[at] = _exp((scores[at] - largest) * share)
        total += scores[at]
    out[:] = np.float32(0)
    whole = length - length % 4
    for at in range(0, whole, 4):  # four at a time, so that `out` is read and written less often
        for ahead in range(at, at + 4):
            fetch(following, ahead)
        for i in range(len(out)):
            out[i] += (
                scores[at] * _from_bfloat16(values[at, i])
                + scores[at + 1] * _from_bfloat16(values[at + 1, i])
                + scores[at + 2] * _from_bfloat16(values[at + 2, i])
                + scores[at + 3] * _from_bfloat16(values[at + 3, i])
            )
    for at in range(whole, length):
        for i in range(len(out)):
            out[i] += scores[at] * _from_bfloat16(values[at, i])
    for i in range(len(out)):
        out[i] /= total


@_summing()
def _dot(query: Floats, key: Any) -> np.float32:
    total = np.float32(0)
    for at in range(len(query)):
        total += query[at] * _from_bfloat16(key[at])
    return total


@_compiled()
def _largest(x: Floats) -> np.float32:
    """By integers, whose maximum can be vectorised: flipped where negative, they have the order of the floats."""
    bits, most = x.view(np.int32), np.int32(-(2**31))
    for at in range(len(x)):
        most = max(most, bits[at] ^ ((bits[at] >> np.int32(31)) & np.int32(0x7FFFFFFF)))
    return _as_float(most ^ ((most >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@_compiled()
def _gelu(x: np.float32) -> np.float32:
    """GPT-2's tanh approximation, as x times a sigmoid."""
    inner = np.float32(1.5957691216) * (x + np.float32(0.044715) * x * x * x)
    return x / (np.float32(1) + _exp(-inner))


@_compiled()
def _exp(x: np.float32) -> np.float32:
    """Within 2 units in the last place for x up to 88; unlike libm's it can be vectorised. 2**n times e**rest, the
    latter by its Taylor series."""
    x = min(max(x, np.float32(-87)), np.float32(88))
    n = _nearest(x * np.float32(1.44269504))
    rest = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    series = np.float32(1 / 5040)
    series = series * rest + np.float32(1 / 720)
    series = series * rest + np.float32(1 / 120)
    series = series * rest + np.float32(1 / 24)
    series = series * rest + np.float32(1 / 6)
    series = series * rest + np.float32(0.5)
    series = series * rest + np.float32(1)
    series = series * rest + np.float32(1)
    return series * _as_float((np.int32(n) + np.int32(127)) << np.int32(23))


@_compiled()
def _nearest(x: np.float32) -> np.float32:
    """Rounded to a whole number, halves to even: adding 1.5 x 2**23 leaves no room for a fraction. |x| < 2**22."""
    return (x + np.float32(12582912)) - np.float32(12582912)


@_compiled()
def _to_bfloat16(x: np.float32) -> np.uint16:
    """Rounded to nearest."""
    return np.uint16((_as_int(x) + np.uint32(0x8000)) >> np.uint32(16))


@_compiled()
def _from_bfloat16(x: np.uint16) -> np.float32:
    return _as_float(np.int32(np.uint32(x) << np.uint32(16)))


@intrinsic
def _as_float(typing: Any, x: Any) -> Any:
    """The float32 that has the bits of an int32."""
    return types.float32(types.int32), lambda context, builder, signature, args: builder.bitcast(args[0], _FLOAT)


@intrinsic
def _as_int(typing: Any, x: Any) -> Any:
    """The bits of a float32."""
    return types.uint32(types.float32), lambda context, builder, signature, args: builder.bitcast(args[0], _INTEGER)
