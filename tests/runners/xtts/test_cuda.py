"""The CUDA path without a GPU: fake tensors refuse to mix devices, as real ones do. Numbers they cannot show."""

import inspect
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from TTS.tts.configs.xtts_config import XttsArgs

from runners.xtts.decoder import capacity_of
from runners.xtts.frames import stretch_for
from runners.xtts.gpt import GPT
from runners.xtts.sampling import Sampler, SamplingParams
from runners.xtts.transformer import TorchTransformer
from runners.xtts.vocoder import Vocoder
from tests.runners.xtts.test_vocoder import DIM, HOP, SPEAKER, narrow_generator

CUDA = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def fake_gpu() -> Iterator[None]:
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def bare(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method without `inference_mode`, in which fake tensors would ask for the driver."""
    return torch.no_grad()(inspect.unwrap(method))


def test_every_tensor_of_a_step_is_on_the_gpu() -> None:
    with CUDA:
        gpt = GPT(
            XttsArgs(
                gpt_start_text_token=3,
                gpt_stop_text_token=0,
                gpt_layers=2,
                gpt_n_model_channels=128,
                gpt_n_heads=4,
                gpt_max_text_tokens=402,
                gpt_max_audio_tokens=605,
                gpt_number_text_tokens=300,
                gpt_num_audio_tokens=1026,
                gpt_start_audio_token=1024,
                gpt_stop_audio_token=1025,
            )
        ).eval()
    transformer = TorchTransformer(gpt.gpt.h, 6, capacity_of(gpt), torch.float32)
    texts = [torch.arange(5, 5 + length) for length in (7, 30, 8)]  # on the CPU, as the front end leaves them
    prefixes = [gpt.prefix(text, torch.zeros(1, 32, 128)) for text in texts]
    hidden = gpt.hidden(transformer.prefill([0, 3, 5], prefixes))
    assert hidden.device == CUDA
    assert hidden.shape == (3, 128)
    sampler = Sampler(6, gpt.codes, (1, gpt.start_code), CUDA)
    sampler.seat(3, SamplingParams(0.75, 50, 0.85, 5.0, stream=7))
    rows = torch.arange(6, device=CUDA)
    for flash in (False, True):
        transformer.reads_live_lengths = flash
        x = gpt.embed(rows, rows)
        hidden = gpt.hidden(transformer.decode(x, torch.ones(6, dtype=torch.int64, device=CUDA), span=192))
        codes = sampler.draw(gpt.logits(hidden), rows)
        assert (hidden.dtype, hidden.shape) == (torch.float32, (6, 128))
        assert codes.device == CUDA
    transformer.wipe(3)


def test_frames_and_vocoder_take_what_the_engine_hands_them() -> None:
    with CUDA:
        generator = narrow_generator()
    vocoder = Vocoder(generator, HOP)
    latents = torch.zeros(20, DIM, device=CUDA)
    frames = stretch_for(1.3, 1024, 256, 22050, 24000).window(latents, 3, 40, 20)
    assert frames.device == CUDA
    samples = vocoder.vocode(frames[None], torch.zeros(1, SPEAKER, 1))  # the embedding comes from the CPU
    assert samples.device == CUDA
    assert samples.shape == (1, 37 * HOP)
