"""Frames in windows against torch's own interpolation of the whole, as upstream chains it."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from runners.xtts.frames import Stretch, stretch_for

SPEEDS = st.one_of(st.just(1.0), st.floats(0.25, 4.0), st.floats(0.99, 1.01))


def xtts_stretch(speed: float) -> Stretch:
    return stretch_for(speed, code_stride=1024, hop=256, rate_in=22050, rate_out=24000)


def upstream(latents: Tensor, speed: float) -> Tensor:
    """(codes, dim) to (frames, dim), as `Xtts.inference` and `HifiDecoder.forward` do it."""
    z = latents.T[None]
    if speed != 1.0:
        z = F.interpolate(z, scale_factor=1.0 / speed, mode="linear")
    z = F.interpolate(z, scale_factor=[1024 / 256], mode="linear")
    return F.interpolate(z, scale_factor=[24000 / 22050], mode="linear")[0].T


def random_latents(codes: int) -> Tensor:
    return torch.randn(codes, 8, generator=torch.Generator().manual_seed(codes))


@given(codes=st.integers(4, 602), speed=SPEEDS)
@settings(max_examples=80, deadline=None)
def test_whole_stretch_is_upstreams(codes: int, speed: float) -> None:
    latents, stretch = random_latents(codes), xtts_stretch(speed)
    expected = upstream(latents, speed)
    assert stretch.total(codes) == len(expected)
    assert torch.allclose(stretch.window(latents, 0, len(expected), codes), expected, atol=1e-5)


@given(codes=st.integers(1, 300), speed=SPEEDS, data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_window_equals_that_part_of_the_whole(codes: int, speed: float, data: st.DataObject) -> None:
    latents, stretch = random_latents(codes), xtts_stretch(speed)
    total = stretch.total(codes)
    start = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(start + 1, total))
    whole = stretch.window(latents, 0, total, codes)
    assert torch.equal(stretch.window(latents, start, stop, codes), whole[start:stop])


@given(codes=st.integers(1, 200), more=st.integers(1, 50), speed=SPEEDS)
@settings(max_examples=80, deadline=None)
def test_ready_frames_do_not_change_when_more_codes_come(codes: int, more: int, speed: float) -> None:
    latents, stretch = random_latents(codes + more), xtts_stretch(speed)
    ready = stretch.ready(codes)
    assert ready <= stretch.total(codes)
    if ready:
        early = stretch.window(latents[:codes], 0, ready, codes)
        late = stretch.window(latents, 0, ready, codes + more)
        assert torch.equal(early, late)


@given(codes=st.integers(16, 200), speed=st.one_of(st.just(1.0), st.floats(0.25, 0.9), st.floats(1.01, 4.0)))
@settings(max_examples=40, deadline=None)
def test_ready_holds_back_only_the_frames_at_the_end(codes: int, speed: float) -> None:
    stretch = xtts_stretch(speed)
    per_code = 4 * 24000 / 22050 / speed
    assert stretch.total(codes) - stretch.ready(codes) <= 3 * per_code + 4


@pytest.mark.parametrize("speed", [1.0, 1.3, 4.0, 0.25])
def test_one_code_is_still_heard(speed: float) -> None:
    stretch = xtts_stretch(speed)
    assert stretch.total(1) >= 1
    assert stretch.window(random_latents(1), 0, stretch.total(1), 1).shape == (stretch.total(1), 8)


def test_unit_speed_and_equal_rates_leave_steps_out() -> None:
    assert xtts_stretch(1.0).factors == (4.0, 24000 / 22050)
    assert stretch_for(1.0, 1024, 256, 24000, 24000).factors == (4.0,)
