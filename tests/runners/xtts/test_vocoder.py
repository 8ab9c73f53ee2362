"""Speaking in windows equals speaking the whole, whatever the length, and rows of a batch do not hear each other."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from TTS.tts.models.xtts import Xtts
from TTS.vocoder.models.hifigan_generator import HifiganGenerator

from runners.xtts.frames import stretch_for
from runners.xtts.model import Model
from runners.xtts.vocoder import Vocoder, reaches
from runners.xtts.windows import next_window
from tests.studio import vocoder_of

HOP, DIM, SPEAKER = 256, 12, 6


def narrow_generator() -> HifiganGenerator:
    """XTTS's vocoder in all but its width: same kernels, dilations and rates, so the same reach."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return HifiganGenerator(
            in_channels=DIM,
            out_channels=1,
            resblock_type="1",
            resblock_dilation_sizes=[[1, 3, 5]] * 3,
            resblock_kernel_sizes=[3, 7, 11],
            upsample_kernel_sizes=[16, 16, 4, 4],
            upsample_initial_channel=32,
            upsample_factors=[8, 8, 2, 2],
            inference_padding=0,
            cond_channels=SPEAKER,
            conv_pre_weight_norm=False,
            conv_post_weight_norm=False,
            conv_post_bias=False,
            cond_in_each_up_layer=True,
        ).eval()


def speak_in_windows(vocoder: Vocoder, frames: Tensor, speaker: Tensor, sizes: tuple[int, ...]) -> Tensor:
    left = [*sizes]  # then as the last
    parts: list[Tensor] = []
    delivered, context = 0, vocoder.context
    while window := next_window(delivered, len(frames), left[0], context, finished=True):
        left = left[1:] or left
        padded = F.pad(frames, (0, 0, context, window.size + context))[window.first :][: window.size + 2 * context]
        span = (max(context - window.first, 0), min(len(frames) - window.first + context, len(padded)))
        samples = vocoder.vocode(padded[None], speaker, context, [span])[0]
        parts.append(samples[: (window.last - window.first) * HOP])
        delivered = window.last
    return torch.cat(parts)


@torch.inference_mode()
def test_windows_equal_the_full_pass_at_every_length_from_one_code_up() -> None:
    whole, vocoder = narrow_generator(), Vocoder(narrow_generator(), HOP)
    speaker = torch.randn(1, SPEAKER, 1, generator=torch.Generator().manual_seed(1))
    stretch = stretch_for(1.0, 1024, 256, 22050, 24000)
    for codes in [*range(1, 25), 47, 60]:
        frames = torch.randn(stretch.total(codes), DIM, generator=torch.Generator().manual_seed(codes))
        expected = whole(frames.T[None], g=speaker)[0, 0]
        assert expected.std() > 1e-3
        for sizes in ((8,), (4, 8, 16)):
            assert torch.allclose(speak_in_windows(vocoder, frames, speaker, sizes), expected, atol=1e-5), codes


@torch.inference_mode()
def test_context_is_as_far_as_a_sample_hears() -> None:
    """Measured: what a change of one frame reaches."""
    generator = narrow_generator().double()
    frames = torch.randn(1, DIM, 81, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    speaker = torch.ones(1, SPEAKER, 1, dtype=torch.float64)
    changed = frames.clone()
    changed[:, :, 40] += 1.0
    heard = (generator(changed, g=speaker) != generator(frames, g=speaker))[0, 0].nonzero()
    reach = max(40 - int(heard[0]) // HOP, int(heard[-1]) // HOP - 40)
    assert reach <= reaches(generator)[0] <= reach + 1


@torch.inference_mode()
def test_less_context_would_be_heard_in_any_stage() -> None:
    """So the test above would notice if what is cut off after a stage were too much."""
    whole = narrow_generator()
    frames = torch.randn(120, DIM, generator=torch.Generator().manual_seed(9))
    speaker = torch.ones(1, SPEAKER, 1)
    expected = whole(frames.T[None], g=speaker)[0, 0]
    for stage in range(1, 5):
        vocoder = Vocoder(narrow_generator(), HOP)
        vocoder._reaches[stage] //= 3
        assert not torch.allclose(speak_in_windows(vocoder, frames, speaker, sizes=(8,)), expected, atol=1e-5), stage


@torch.inference_mode()
def test_less_context_would_be_heard() -> None:
    """So the test above would notice if the context fell short."""
    whole, vocoder = narrow_generator(), Vocoder(narrow_generator(), HOP)
    vocoder.context = 4
    frames = torch.randn(120, DIM, generator=torch.Generator().manual_seed(9))
    speaker = torch.ones(1, SPEAKER, 1)
    expected = whole(frames.T[None], g=speaker)[0, 0]
    assert not torch.allclose(speak_in_windows(vocoder, frames, speaker, sizes=(8,)), expected, atol=1e-5)


@torch.inference_mode()
def test_rows_of_a_batch_are_independent() -> None:
    vocoder = Vocoder(narrow_generator(), HOP)
    frames = torch.randn(3, 40, DIM, generator=torch.Generator().manual_seed(4))
    speakers = torch.randn(3, SPEAKER, 1, generator=torch.Generator().manual_seed(5))
    together = vocoder.vocode(frames, speakers)
    for row in range(3):
        alone = vocoder.vocode(frames[row : row + 1], speakers[row : row + 1])[0]
        assert torch.allclose(together[row], alone, atol=1e-5)


@torch.inference_mode()
def test_rows_of_a_batch_have_ends_of_their_own() -> None:
    """Utterances that begin in the window, end in it, do both, and do neither."""
    whole, vocoder = narrow_generator(), Vocoder(narrow_generator(), HOP)
    length, size = 60, 60 - 2 * vocoder.context
    frames, speakers, expected, spans = [], [], [], []
    for row, (begin, total) in enumerate([(0, 10), (0, 90), (32, 90), (70, 90), (10, 45)]):
        said = torch.randn(total, DIM, generator=torch.Generator().manual_seed(row))
        speaker = torch.randn(1, SPEAKER, 1, generator=torch.Generator().manual_seed(row))
        start = begin - vocoder.context
        first, last = max(start, 0), min(start + length, total)
        frames.append(F.pad(said[first:last], (0, 0, first - start, start + length - last)))
        spans.append((first - start, last - start))
        speakers.append(speaker)
        expected.append(whole(said.T[None], g=speaker)[0, 0, begin * HOP : (begin + size) * HOP])
    found = vocoder.vocode(torch.stack(frames), torch.cat(speakers), vocoder.context, spans)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == size * HOP
        assert torch.allclose(ours[: len(theirs)], theirs, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("codes", [1, 13])
def test_the_checkpoints_own_vocoder(xtts: Xtts, model: Model, codes: int) -> None:
    """Upstream's decoder from the latents on, against stretch, windows and folded weights together."""
    dim = xtts.args.gpt_n_model_channels
    latents = torch.randn(1, codes, dim, generator=torch.Generator().manual_seed(codes))
    speaker = next(iter(xtts.speaker_manager.speakers.values()))["speaker_embedding"]
    expected = xtts.hifigan_decoder(latents, g=speaker).flatten()
    vocoder = vocoder_of(model)
    stretch = stretch_for(1.0, 1024, 256, 22050, 24000)
    frames = stretch.window(latents[0], 0, stretch.total(codes), codes)
    ours = speak_in_windows(vocoder, frames, speaker, sizes=(8,))
    assert len(ours) == len(expected)
    error = (ours - expected).square().sum() / expected.square().sum()
    assert -10 * torch.log10(error) > 70  # dB
