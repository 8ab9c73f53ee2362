"""What was trained narrow is, in upstream's shapes, the same function; and the server's own code loads it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder

from runners.checkpoint.look import look_at
from runners.demo.hifigan import as_hifigan
from runners.demo.layout import WIDTH, Parts, folded, widened, write
from runners.demo.vocabulary import write_vocabulary
from runners.xtts.checkpoint import load_checkpoint
from training.features import TARGETS
from training.model import build_gpt, is_trained
from training.speaker import build_encoder
from training.vocoder import Vocoder, stretch


@pytest.fixture(scope="module")
def narrow() -> tuple[Any, Any]:
    """A vocoder and a speaker encoder, untrained, with statistics as training leaves them."""
    torch.manual_seed(0)
    encoder, vocoder = build_encoder(), Vocoder(WIDTH)
    for layer in (vocoder.cond_layer, vocoder.cond):
        nn.init.normal_(layer.weight, std=0.1)
    encoder.train()
    encoder(torch.randn(4, 16000) * 0.1)
    return encoder.eval(), vocoder.eval()


@pytest.fixture(scope="module")
def wide(narrow: tuple[Any, Any]) -> HifiDecoder:
    encoder, vocoder = narrow
    decoder = HifiDecoder(output_sample_rate=24000, decoder_input_dim=WIDTH)
    parts = (
        (decoder.speaker_encoder, encoder.state_dict()),
        (decoder.waveform_decoder, as_hifigan(vocoder.state_dict())),
    )
    for part, mine in parts:
        shapes = {name: tensor.shape for name, tensor in part.state_dict().items()}
        part.load_state_dict({name: widened(name, mine[name], shape) for name, shape in shapes.items()})
    return decoder.eval()


@torch.no_grad()
def test_a_clip_has_the_same_embedding(narrow: tuple[Any, Any], wide: HifiDecoder) -> None:
    clip = torch.randn(2, 20000, generator=torch.Generator().manual_seed(0)) * 0.1
    theirs = wide.speaker_encoder(clip.clone(), l2_norm=True)
    torch.testing.assert_close(theirs, narrow[0](clip.clone(), l2_norm=True), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_latents_have_the_same_samples(narrow: tuple[Any, Any], wide: HifiDecoder) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, speaker = torch.randn(1, 9, WIDTH, generator=generator), torch.randn(1, 512, 1, generator=generator)
    ours = narrow[1](stretch(rows), g=speaker)
    torch.testing.assert_close(wide(rows, speaker), ours, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_teller_goes_into_the_vocoders_first_layer() -> None:
    torch.manual_seed(0)
    teller, told_vocoder, vocoder = nn.Linear(WIDTH, TARGETS), Vocoder(TARGETS), Vocoder(WIDTH)
    vocoder.load_state_dict(folded(told_vocoder.state_dict(), teller.state_dict()))
    rows, speaker = torch.randn(1, 24, WIDTH), torch.zeros(1, 512, 1)
    ours, theirs = vocoder(stretch(rows), g=speaker), told_vocoder(stretch(teller(rows)), g=speaker)
    inner = slice(9 * 1114, -9 * 1114)  # at the very ends the teller's bias is missing from the padding
    torch.testing.assert_close(ours[..., inner], theirs[..., inner], atol=1e-5, rtol=1e-4)


def test_the_server_loads_the_folder_and_it_is_what_was_trained(narrow: tuple[Any, Any], tmp_path: Path) -> None:
    encoder, vocoder = narrow
    tokens = write_vocabulary(tmp_path / "vocab.json")
    gpt = build_gpt(tokens)
    trained = {name: tensor for name, tensor in gpt.state_dict().items() if is_trained(name)}
    write(tmp_path, Parts(trained, vocoder.state_dict(), encoder.state_dict(), {}))
    xtts = load_checkpoint(look_at(tmp_path), torch.device("cpu"))
    torch.testing.assert_close(xtts.gpt.mel_head.weight, gpt.mel_head.weight, atol=1e-3, rtol=1e-3)
    assert xtts.config.languages == ["en", "hu"]
    assert torch.equal(xtts.mel_stats, torch.full((80,), 4.0))
