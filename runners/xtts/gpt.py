"""What stands around the transformer in upstream's GPT (TTS/tts/layers/xtts/gpt.py): embeddings, norms and the head."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from runners.xtts.transformer import MIN_ROWS


class GPT:
    """Has no state of its own, and computes in float32. It knows nothing of slots, sampling or scheduling."""

    def __init__(self, gpt: Any) -> None:
        """`gpt`: `Xtts.gpt` in eval mode, without its blocks' weights if they are used elsewhere."""
        self._gpt = gpt
        self.dim = int(gpt.model_dim)
        self.max_codes = int(gpt.max_gen_mel_tokens)  # 602 for 605: upstream keeps three for itself
        self.max_text = int(gpt.max_text_tokens)
        self.start_code = int(gpt.start_audio_token)
        self.stop_code = int(gpt.stop_audio_token)
        self.codes = int(gpt.num_audio_tokens)
        self.head_bytes: int = gpt.mel_head.weight.nbytes
        self.device: torch.device = gpt.mel_head.weight.device
        self._start = torch.tensor([self.start_code], device=self.device)
        self._positions = torch.arange(self.max_text + 2, device=self.device)

    def prefix(self, text: Tensor, conditioning: Tensor) -> Tensor:
        """Voice, [START] text [STOP], start code: (time, dim).

        text: int64 (tokens,); conditioning: (1, vectors, dim).
        """
        gpt = self._gpt
        text = F.pad(text.to(self.device), (1, 0), value=gpt.start_text_token)
        text = F.pad(text, (0, 1), value=gpt.stop_text_token)
        return torch.cat(
            [
                conditioning[0].to(self.device, torch.float32),
                gpt.text_embedding(text) + gpt.text_pos_embedding.emb(self._positions[: len(text)]),
                self.embed(self._start, self._positions[:1]),
            ]
        )

    def embed(self, codes: Tensor, positions: Tensor) -> Tensor:
        """Codes (rows,) at their positions, counted from the start code: (rows, dim)."""
        embedded: Tensor = self._gpt.mel_embedding(codes) + self._gpt.mel_pos_embedding.emb(positions)
        return embedded

    def hidden(self, states: Tensor) -> Tensor:
        """The transformer's output after both final norms: what a code is drawn from, and the vocoder's latent.
        Upstream computes the same values again in a second full pass."""
        hidden: Tensor = self._gpt.final_norm(self._gpt.gpt.ln_f(states))
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(rows, dim) to (rows, codes). On a CPU so many rows at once and no other number, see MIN_ROWS."""
        if self.device.type == "cuda":
            return self._head(hidden)
        padded = F.pad(hidden, (0, 0, 0, -len(hidden) % MIN_ROWS))
        return torch.cat([self._head(rows) for rows in torch.split(padded, MIN_ROWS)])[: len(hidden)]

    def _head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self._gpt.mel_head(hidden)
        return logits
