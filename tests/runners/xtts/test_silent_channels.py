"""A vocoder that was filled up with zeros has the same samples without them, and none of a full one is left out."""

import pytest
import torch
from torch.nn.utils.parametrize import remove_parametrizations
from TTS.vocoder.models.hifigan_generator import HifiganGenerator

from runners.xtts.silent_channels import without_silent_channels
from tests.runners.xtts.test_vocoder import DIM, SPEAKER, narrow_generator

CHANNELS = (5, 3, 4, 2, 1)  # that are left, before, between and after the stages


def silence(generator: HifiganGenerator, inner: int) -> None:
    """Leaves the first CHANNELS of each stage, and the first `inner` within the residual blocks."""
    with torch.no_grad():
        for conv in (generator.conv_pre, generator.cond_layer):
            conv.weight[CHANNELS[0] :] = 0
            conv.bias[CHANNELS[0] :] = 0
        for stage, kept in enumerate(CHANNELS[1:]):
            up, cond = generator.ups[stage], generator.conds[stage]
            up.weight[:, kept:] = 0
            cond.weight[kept:] = 0
            for layer in (up, cond):
                layer.bias[kept:] = 0
            for block in generator.resblocks[3 * stage : 3 * stage + 3]:
                for layers, mine in ((block.convs1, inner), (block.convs2, kept)):
                    for conv in layers:
                        conv.weight[mine:] = 0
                        conv.bias[mine:] = 0


@pytest.mark.parametrize("inner", [2, 0])
def test_the_samples_are_the_same(inner: int) -> None:
    generator = narrow_generator()
    for conv in (*generator.ups, *(c for b in generator.resblocks for c in (*b.convs1, *b.convs2))):
        remove_parametrizations(conv, "weight")  # it has no direction for a row of zeros
    silence(generator, inner)
    cut = without_silent_channels(generator)
    assert [up.in_channels for up in cut.ups] == list(CHANNELS[:-1])
    assert cut.conv_post.in_channels == CHANNELS[-1]
    assert {conv.out_channels for block in cut.resblocks for conv in block.convs1} == {max(inner, 1)}
    frames, speaker = torch.randn(2, DIM, 9), torch.randn(2, SPEAKER, 1)
    with torch.no_grad():
        torch.testing.assert_close(cut(frames, g=speaker), generator(frames, g=speaker), atol=1e-6, rtol=1e-5)


def test_of_a_full_vocoder_nothing_is_left_out() -> None:
    generator = narrow_generator()
    cut = without_silent_channels(generator)
    frames, speaker = torch.randn(1, DIM, 9), torch.randn(1, SPEAKER, 1)
    with torch.no_grad():
        assert torch.equal(cut(frames, g=speaker), generator(frames, g=speaker))
    for name, conv in cut.named_modules():
        if hasattr(conv, "out_channels"):
            assert conv.out_channels == generator.get_submodule(name).out_channels
