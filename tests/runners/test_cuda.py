"""The CUDA path without a GPU: fake tensors refuse to mix devices, as real ones do. Numbers they cannot show."""

import inspect
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from TTS.tts.layers.xtts import gpt as upstream_gpt

from runners.frames import stretch_for
from runners.gpt import GPT
from runners.sampling import Sampler, SamplingParams
from runners.vocoder import Vocoder
from tests.runners.test_vocoder import DIM, HOP, SPEAKER, narrow_generator

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
        upstream = upstream_gpt.GPT(
            start_text_token=3,
            stop_text_token=0,
            layers=2,
            model_dim=128,
            heads=4,
            max_text_tokens=402,
            max_mel_tokens=605,
            number_text_tokens=300,
            num_audio_tokens=1026,
            start_audio_token=1024,
            stop_audio_token=1025,
            use_perceiver_resampler=True,
        )
    gpt = GPT(upstream.eval(), slots=6, conditioning_length=32)
    texts = [torch.arange(5, 5 + length) for length in (7, 30, 8)]  # on the CPU, as the front end leaves them
    hidden = bare(GPT.prefill)(gpt, [0, 3, 5], texts, [torch.zeros(1, 32, 128)] * 3)
    assert hidden.device == CUDA
    assert hidden.shape == (3, 128)
    sampler = Sampler(6, gpt.codes, (1, gpt.start_code), CUDA)
    sampler.seat(3, SamplingParams(0.75, 50, 0.85, 5.0, stream=7))
    codes = sampler.draw(bare(GPT.logits)(gpt, hidden), torch.tensor([0, 3, 5], device=CUDA))
    assert codes.device == CUDA
    assert bare(GPT.decode)(gpt, [0, 3, 5], codes).device == CUDA
    gpt.wipe(3)
    gpt.vacate(3)


def test_frames_and_vocoder_take_what_the_engine_hands_them() -> None:
    with CUDA:
        generator = narrow_generator()
    vocoder = Vocoder(generator, HOP)
    latents = torch.zeros(20, DIM, device=CUDA)
    frames = stretch_for(1.3, 1024, 256, 22050, 24000).window(latents, 3, 40, 20)
    assert frames.device == CUDA
    samples = vocoder.speak(frames[None], torch.zeros(1, SPEAKER, 1))  # the embedding comes from the CPU
    assert samples.device == CUDA
    assert samples.shape == (1, 37 * HOP)
