"""XTTS-v2's GPT: the weights of upstream's (TTS/tts/layers/xtts/gpt.py) under upstream's names, and what stands around
its transformer: conditioning, embeddings, norms and the head."""

from collections.abc import Sequence as Items
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from TTS.tts.configs.xtts_config import XttsArgs
from TTS.tts.layers.xtts.perceiver_encoder import PerceiverResampler

from runners.xtts.conditioning_encoder import ConditioningEncoder
from runners.xtts.gpt2 import Block, Blocks
from runners.xtts.transformer import MIN_ROWS

LATENTS = 32  # vectors of a voice


class PositionEmbedding(nn.Module):
    def __init__(self, positions: int, dim: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(positions, dim)


class GPT(nn.Module):
    """Computes in float32. It knows nothing of slots, sampling or scheduling."""

    def __init__(self, args: XttsArgs) -> None:
        super().__init__()
        dim, heads = args.gpt_n_model_channels, args.gpt_n_heads
        self.dim: int = dim
        self.codes: int = args.gpt_num_audio_tokens
        self.start_code: int = args.gpt_start_audio_token
        self.stop_code: int = args.gpt_stop_audio_token
        self.max_codes: int = args.gpt_max_audio_tokens - 3  # 602 of 605: upstream keeps three for itself
        self.max_text: int = args.gpt_max_text_tokens + 2
        self._text_ends: tuple[int, int] = (args.gpt_start_text_token, args.gpt_stop_text_token)

        self.conditioning_encoder = ConditioningEncoder(80, dim, heads)
        self.conditioning_perceiver = PerceiverResampler(dim=dim, num_latents=LATENTS, use_flash_attn=False)
        self.text_embedding = nn.Embedding(args.gpt_number_text_tokens, dim)
        self.text_pos_embedding = PositionEmbedding(self.max_text, dim)
        self.mel_embedding = nn.Embedding(self.codes, dim)
        self.mel_pos_embedding = PositionEmbedding(args.gpt_max_audio_tokens + 3, dim)
        self.gpt = Blocks(args.gpt_layers, dim, heads)
        self.final_norm = nn.LayerNorm(dim)
        self.text_head = nn.Linear(dim, args.gpt_number_text_tokens)  # for training alone
        self.mel_head = nn.Linear(dim, self.codes)

    @property
    def blocks(self) -> Items[Block]:
        return cast(Items[Block], self.gpt.h)

    @property
    def device(self) -> torch.device:
        return self.mel_head.weight.device

    @property
    def head_bytes(self) -> int:
        return self.mel_head.weight.nbytes

    def conditioning(self, mel: Tensor) -> Tensor:
        """A normalised mel spectrogram (1, 80, frames) to a voice's vectors (1, LATENTS, dim)."""
        vectors: Tensor = self.conditioning_perceiver(self.conditioning_encoder(mel).transpose(1, 2))
        return vectors

    def prefix(self, text: Tensor, conditioning: Tensor) -> Tensor:
        """Voice, [START] text [STOP], start code: (time, dim).

        text: int64 (tokens,); conditioning: (1, vectors, dim).
        """
        start, stop = self._text_ends
        text = F.pad(F.pad(text.to(self.device), (1, 0), value=start), (0, 1), value=stop)
        code = torch.tensor([self.start_code], device=self.device)
        return torch.cat(
            [
                conditioning[0].to(self.device, torch.float32),
                self.text_embedding(text) + self.text_pos_embedding.emb.weight[: len(text)],
                self.embed(code, torch.zeros_like(code)),
            ]
        )

    def embed(self, codes: Tensor, positions: Tensor) -> Tensor:
        """Codes (rows,) at their positions, counted from the start code: (rows, dim)."""
        embedded: Tensor = self.mel_embedding(codes) + self.mel_pos_embedding.emb(positions)
        return embedded

    def hidden(self, states: Tensor) -> Tensor:
        """The transformer's output after both final norms: what a code is drawn from, and the vocoder's latent.
        Upstream computes the same values again in a second full pass."""
        hidden: Tensor = self.final_norm(self.gpt.ln_f(states))
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(rows, dim) to (rows, codes). On a CPU so many rows at once and no other number, see MIN_ROWS."""
        if self.device.type == "cuda":
            return self._head(hidden)
        padded = F.pad(hidden, (0, 0, 0, -len(hidden) % MIN_ROWS))
        return torch.cat([self._head(rows) for rows in torch.split(padded, MIN_ROWS)])[: len(hidden)]

    def _head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.mel_head(hidden)
        return logits
