"""Upstream's model (TTS.tts.models.xtts.Xtts) as far as it speaks and listens: its modules under its names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torchaudio
from torch import Tensor, nn
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

from runners.xtts.conditioning_encoder import RATE, log_mel
from runners.xtts.gpt import GPT

SHORTEST_CHUNK = 0.33  # seconds; what is shorter is skipped
SPEAKER_RATE = 16_000  # Hz


class Model(nn.Module):
    """The GPT's parameters, 1.5 GB, are made without their memory: `load_state_dict(..., assign=True)` fills it."""

    mel_stats: Tensor

    def __init__(self, config: XttsConfig, vocabulary: Path) -> None:
        """`config`: its model_args take the numbers of tokens that `vocabulary`, a vocab.json, has."""
        super().__init__()
        self.config = config
        self.args: XttsArgs = config.model_args
        self.tokenizer = VoiceBpeTokenizer(str(vocabulary))
        self.speakers: dict[str, dict[str, Tensor]] = {}  # stored voices: gpt_cond_latent and speaker_embedding of each
        tokens = self.tokenizer.tokenizer
        self.args.gpt_number_text_tokens = self.tokenizer.get_number_tokens()
        self.args.gpt_start_text_token = tokens.token_to_id("[START]")
        self.args.gpt_stop_text_token = tokens.token_to_id("[STOP]")
        self.register_buffer("mel_stats", torch.ones(80))
        with _parameters_without_memory():
            self.gpt = GPT(self.args)
        self.hifigan_decoder = HifiDecoder(
            input_sample_rate=self.args.input_sample_rate,
            output_sample_rate=self.args.output_sample_rate,
            output_hop_length=self.args.output_hop_length,
            ar_mel_length_compression=self.args.gpt_code_stride_len,
            decoder_input_dim=self.args.decoder_input_dim,
            d_vector_dim=self.args.d_vector_dim,
            cond_d_vector_in_each_upsampling_layer=self.args.cond_d_vector_in_each_upsampling_layer,
        )

    @property
    def device(self) -> torch.device:
        return self.mel_stats.device

    @torch.inference_mode()
    def conditioning(self, audio: Tensor, *, seconds: int, chunk_seconds: int) -> Tensor:
        """A clip (1, samples) at RATE, of SHORTEST_CHUNK at least, to a voice's vectors (1, LATENTS, dim): the mean
        over the chunks of its first `seconds`, or of all if that is not above 0. Upstream's get_gpt_cond_latents."""
        heard = audio[:, : RATE * seconds] if seconds > 0 else audio
        chunks = torch.split(heard, RATE * chunk_seconds, dim=1)
        mels = [log_mel(chunk.cpu()).to(self.device) for chunk in chunks if chunk.shape[1] >= RATE * SHORTEST_CHUNK]
        return torch.stack([self.gpt.conditioning(mel / self.mel_stats[:, None]) for mel in mels]).mean(dim=0)

    @torch.inference_mode()
    def speaker_embedding(self, audio: Tensor) -> Tensor:
        """A clip (1, samples) at RATE to (1, d_vector_dim, 1). Upstream's get_speaker_embedding."""
        at_16_khz = torchaudio.functional.resample(audio, RATE, SPEAKER_RATE)
        embedding: Tensor = self.hifigan_decoder.speaker_encoder(at_16_khz.to(self.device), l2_norm=True)
        return embedding[..., None]


@contextmanager
def _parameters_without_memory() -> Iterator[None]:
    """Modules that are made meanwhile have parameters on the meta device, and are not filled with random numbers."""
    register, normal = nn.Module.register_parameter, nn.init.normal_

    def register_unfilled(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        register(module, name, None if parameter is None else nn.Parameter(parameter.to("meta")))

    nn.Module.register_parameter = register_unfilled  # type: ignore[method-assign, assignment]
    nn.init.normal_ = lambda tensor, *_, **__: tensor  # on the meta device it imports torch's compiler: three seconds
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]
        nn.init.normal_ = normal
