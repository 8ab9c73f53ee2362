"""The integer kernels against numpy, and that neither company nor threads change a bit."""

import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from TTS.tts.layers.xtts import gpt as upstream_gpt

from runners.xtts.int10 import kernels
from runners.xtts.int10.kernels import Linear
from runners.xtts.int10.tile import COLUMNS, WEIGHT_LIMIT, pack
from runners.xtts.int10.transformer import Int10Transformer
from runners.xtts.transformer import VACANT

ROOT = Path(__file__).resolve().parents[3]
BIG = 2.0**100
rows_of_numbers = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


def product(x: NDArray[np.float32], weight: NDArray[np.int16], workers: int) -> NDArray[np.float32]:
    """x (rows, inputs) by weight (columns, inputs), through quantising, tiles and scaling."""
    rows, inputs = x.shape
    columns = len(weight)
    padded = -(-rows // 4) * 4
    quantised, scales = np.zeros((padded, inputs), np.int16), np.empty(rows, np.float32)
    kernels._quantise(x, quantised, scales)
    linear = Linear(pack(weight)[None], np.ones((1, columns), np.float32), np.zeros((1, columns), np.float32))
    sums, out = np.empty((workers, padded, COLUMNS), np.int32), np.empty((rows, columns), np.float32)
    kernels._multiply(quantised, scales, linear, 0, sums, out, kernels._SET)
    assert (np.abs(quantised[:rows] * scales[:, None].astype(np.float64) - x) <= 0.51 * scales[:, None]).all()
    exact = quantised[:rows].astype(np.int64) @ weight.astype(np.int64).T
    assert np.array_equal(out, exact.astype(np.float32) * scales[:, None])
    return out


@given(
    random=rows_of_numbers,
    rows=st.integers(1, 21),
    tiles=st.integers(1, 5),
    quads=st.integers(1, 40),
    workers=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_products_are_exact(random: np.random.Generator, rows: int, tiles: int, quads: int, workers: int) -> None:
    weight = random.integers(-WEIGHT_LIMIT - 1, WEIGHT_LIMIT + 1, (tiles * COLUMNS, 4 * quads)).astype(np.int16)
    x = (random.standard_normal((rows, 4 * quads)) * 10.0 ** random.uniform(-6, 6)).astype(np.float32)
    product(x, weight, workers)


def test_the_largest_products_do_not_overflow() -> None:
    """Every weight and every activation at its limit, over as many inputs as XTTS has."""
    for inputs in (1024, 4096):
        weight = np.full((COLUMNS, inputs), WEIGHT_LIMIT, np.int16)
        assert np.allclose(product(np.ones((4, inputs), np.float32), weight, 1), inputs * WEIGHT_LIMIT, rtol=1e-3)
        assert np.allclose(product(-np.ones((4, inputs), np.float32), weight, 1), -inputs * WEIGHT_LIMIT, rtol=1e-3)


def test_a_row_of_zeros_stays_one() -> None:
    assert not product(np.zeros((3, 8), np.float32), np.ones((COLUMNS, 8), np.int16), 1).any()


def test_nan_stays_in_its_row() -> None:
    x = np.ones((3, 8), np.float32)
    x[1, 5] = np.nan
    quantised, scales = np.zeros((4, 8), np.int16), np.empty(3, np.float32)
    kernels._quantise(x, quantised, scales)
    assert np.isnan(scales).tolist() == [False, True, False]


@given(st.lists(st.floats(-87, 88, width=32), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_exp(values: list[float]) -> None:
    for value in values:
        assert kernels._exp(np.float32(value)) == pytest.approx(np.exp(np.float64(np.float32(value))), rel=3e-7)


def test_gelu_is_gpt2s() -> None:
    x = np.linspace(-12, 12, 2001).astype(np.float32)
    expected = torch.nn.functional.gelu(torch.from_numpy(x), approximate="tanh").numpy()
    ours = np.array([kernels._gelu(value) for value in x])
    assert np.allclose(ours, expected, atol=1e-6, rtol=1e-5)


@given(st.floats(-BIG, BIG, width=32))
def test_bfloat16_is_rounded_to_nearest(value: float) -> None:
    found = kernels._from_bfloat16(kernels._to_bfloat16(np.float32(value)))
    assert found == pytest.approx(value, rel=2**-8, abs=1e-37)
    assert abs(found - value) <= abs(float(torch.tensor(value).bfloat16()) - value)  # torch breaks ties to even


@given(st.lists(st.floats(-BIG, BIG, width=32), min_size=1, max_size=40))
def test_largest(values: list[float]) -> None:
    assert kernels._largest(np.array(values, np.float32)) == np.float32(max(values))


States = tuple[Tensor, Tensor]


def computed(transformer: Int10Transformer, slot: int, prefix: Tensor) -> Tensor:
    """Its state with nothing copied from any slot."""
    for other in range(4):
        transformer.wipe(other)
    return transformer.prefill([slot], [prefix])


class TestTransformer:
    @pytest.fixture(scope="class")
    @staticmethod
    def blocks() -> torch.nn.ModuleList:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            upstream = upstream_gpt.GPT(layers=3, model_dim=256, heads=4, max_text_tokens=20, max_mel_tokens=30)
            for block in upstream.gpt.h:
                for linear in (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj):
                    torch.nn.init.normal_(linear.weight, std=0.08)
        return upstream.eval().gpt.h

    @pytest.fixture(scope="class")
    @staticmethod
    def states(blocks: torch.nn.ModuleList) -> States:
        """Input (40, 256), and what upstream's own blocks make of it."""
        x = torch.randn(40, 256, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            y = x[None]
            for block in blocks:
                out = block(y)
                y = out[0] if isinstance(out, tuple) else out
        return x, y[0]

    @pytest.fixture(scope="class")
    @staticmethod
    def transformer(blocks: torch.nn.ModuleList, states: States) -> Int10Transformer:
        return Int10Transformer(blocks, slots=4, capacity=48)  # after `states`: it takes the weights

    def test_it_is_upstreams(self, transformer: Int10Transformer, states: States) -> None:
        x, expected = states
        found = transformer.prefill([2], [x])
        assert (found - expected[-1:]).norm() / expected[-1].norm() < 0.004

    def test_step_by_step_has_the_same_bits(self, transformer: Int10Transformer, states: States) -> None:
        x, _ = states
        prefilled = computed(transformer, 1, x)
        for slot in range(4):
            transformer.wipe(slot)
        transformer.prefill([0, 3], [x[:7], x[:31]])
        rows = torch.stack([x[7], x[0], x[0], x[31]])
        for place in range(7, 40):
            rows[0], rows[3] = x[place], x[min(place + 24, 39)]
            lengths = torch.tensor([place, 1, 1, min(place + 24, 39)])
            stepped = transformer.decode(rows, lengths, 48)
        assert torch.equal(stepped[0], prefilled[0])

    @given(data=st.data())
    @settings(max_examples=40, deadline=None)
    def test_what_prefixes_share_is_copied_and_changes_no_bit(
        self, transformer: Int10Transformer, states: States, data: st.DataObject
    ) -> None:
        """Sequences come and go in four slots; two voices, and texts that begin alike or do not."""
        voices = (states[0][:12], states[0][12:24])
        texts = [states[0][24:], states[0][24:].flip(0), torch.cat([states[0][24:30], states[0][:9]])]
        prefix = st.builds(
            lambda voice, text, length: torch.cat([voices[voice], texts[text][:length]]),
            st.integers(0, 1),
            st.integers(0, 2),
            st.integers(1, 15),
        )
        rounds = st.lists(st.dictionaries(st.integers(0, 3), prefix, min_size=1), min_size=1, max_size=4)
        expected: dict[bytes, tuple[Tensor, Tensor]] = {}
        played = data.draw(rounds)
        for each in (each for some in played for each in some.values()):
            state = computed(transformer, 0, each)
            lengths = torch.tensor([len(each)])
            expected[each.numpy().tobytes()] = state[0], transformer.decode(each[:1], lengths, 48)[0]
        for slot in range(4):
            transformer.wipe(slot)
        for some in played:
            found = transformer.prefill(list(some), list(some.values()))
            rows = max(some) + 1
            lengths, x = torch.full((rows,), VACANT), torch.ones(rows, 256)
            for at, (slot, each) in enumerate(some.items()):
                assert torch.equal(found[at], expected[each.numpy().tobytes()][0])
                lengths[slot], x[slot] = len(each), each[0]
            stepped = transformer.decode(x, lengths, 48)
            for slot, each in some.items():
                assert torch.equal(stepped[slot], expected[each.numpy().tobytes()][1])

    def test_a_voice_is_computed_once(
        self, transformer: Int10Transformer, states: States, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        x, calls = states[0], []
        computed(transformer, 0, x[:1])
        forward = transformer._forward
        monkeypatch.setattr(transformer, "_forward", lambda *args: calls.append(len(args[0])) or forward(*args))
        texts = [torch.cat([x[:20], other]) for other in (x[20:23], x[30:36], x[25:27])]
        transformer.prefill([1, 2, 3], texts)
        assert calls == [
            23 - 1,
            6 + 2,
        ]  # the first one, but for its first position, which slot 0 has; then the others' texts
        transformer.prefill([0], [texts[1]])
        assert calls[2:] == [1]  # the last position alone: its state is wanted

    def test_chunks_of_a_long_prefill_do_not_matter(
        self, transformer: Int10Transformer, states: States, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        x, _ = states
        whole = computed(transformer, 0, x)
        monkeypatch.setattr("runners.xtts.int10.transformer.ROWS_AT_ONCE", 16)
        assert torch.equal(computed(transformer, 0, x), whole)

    def test_workers_do_not_matter(self, transformer: Int10Transformer, states: States) -> None:
        x, _ = states
        expected = computed(transformer, 0, x)
        for workers in (2, 3, 4):
            transformer._workers = workers  # shares of the work; threads are as many as there are
            numba.set_num_threads(1)
            out = x.numpy().copy()
            kernels.forward(
                out, np.zeros(40, np.int64), np.arange(40), transformer._weights, transformer._cache, workers
            )
            assert np.array_equal(out[-1], expected[0].numpy())
        transformer._workers = 1


def test_compiled_here_and_loaded_they_give_the_same_bits(tmp_path: Path) -> None:
    """Two processes: the first finds no kernels and compiles them, the second takes what it left."""
    script = """
import sys, hashlib
from pathlib import Path
import torch
from transformers import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2Block
from runners.xtts.build import prepare_kernels
prepare_kernels(Path(sys.argv[1]))
from runners.xtts.int10.transformer import Int10Transformer
torch.manual_seed(0)
config = GPT2Config(n_embd=128, n_head=2, n_layer=2, attn_implementation="eager")
blocks = [GPT2Block(config, layer_idx=layer).eval() for layer in range(2)]
digest = hashlib.sha256()
with torch.inference_mode():
    transformer = Int10Transformer(blocks, 1, 128)
    state = transformer.prefill([0], [torch.randn(20, 128)])
    for length in range(20, 120):
        state = transformer.decode(state, torch.tensor([length]), 128)
        digest.update(state.numpy().tobytes())
print(digest.hexdigest())
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
