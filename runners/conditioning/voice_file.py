"""A voice's latents as one file that travels: a safetensors file with each style's two tensors. No torch.

Its metadata: `format`, `checkpoint` (its identity), `model` (its name), `styles` (JSON, in the order
they blend in) and `settings` (JSON: the voice's own, which are the API's business). What comes from elsewhere is
checked here as far as that needs no model; the conditioner checks whether it fits its model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from runners.errors import UnreadableLatents

FORMAT = "xtts-voice-1"
MOST_STYLES = 64
LARGEST = 16 * 2**20  # bytes; a style of XTTS-v2 takes 133 kB
LARGEST_SETTINGS = 2**16  # characters
LARGEST_VALUE = 1_000.0  # XTTS's conditioning ends in a norm: its latents stay within some tens
KEYS = ("checkpoint", "model", "styles", "settings")


@dataclass(frozen=True, slots=True, eq=False)
class StyleLatents:
    gpt_cond_latent: NDArray[np.float32]  # (1, 32, dim)
    speaker_embedding: NDArray[np.float32]  # (1, 512, 1)


@dataclass(frozen=True, slots=True, eq=False)
class VoiceLatents:
    checkpoint: str  # identity of the only one that can use them
    model: str  # that checkpoint's name, for people
    styles: Mapping[str, StyleLatents]  # at least one, in the order they blend in
    settings: str = "{}"  # JSON

    def pack(self) -> bytes:
        metadata = {
            "format": FORMAT,
            "checkpoint": self.checkpoint,
            "model": self.model,
            "styles": json.dumps(list(self.styles)),
            "settings": self.settings,
        }
        tensors = {}
        for style, latents in self.styles.items():
            for part in _parts(style):
                tensors[part] = getattr(latents, part.rpartition(".")[2])
        return _in_order(bytes(save(tensors, metadata=metadata)))

    @classmethod
    def unpack(cls, raw: bytes) -> "VoiceLatents":
        """Raises UnreadableLatents ("the latents ...", to which the caller adds its name)."""
        if len(raw) > LARGEST:
            raise UnreadableLatents(f"the latents take {len(raw)} bytes; at most {LARGEST} can be right.")
        try:
            tensors, metadata = load(raw), safetensors_metadata(raw)
            styles = _styles(metadata)
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableLatents(
                f"the latents are damaged, or no file that GET /voices/NAME/latents gave ({error})."
            ) from error
        _check(tensors, styles)
        own = {style: StyleLatents(*(tensors[part] for part in _parts(style))) for style in styles}
        return cls(metadata["checkpoint"], metadata["model"], own, metadata["settings"])


def safetensors_metadata(raw: bytes) -> dict[str, str]:
    """Safetensors' layout: the header's length in 8 bytes, little-endian, then the header in JSON.

    Only for what `load` has read: it checks that the header is there and in order.
    """
    length = int.from_bytes(raw[:8], "little")
    metadata: dict[str, str] = json.loads(raw[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def _in_order(raw: bytes) -> bytes:
    """The same file for the same content: safetensors writes metadata in an order that is drawn anew each time."""
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + raw[end:]


def _parts(style: str) -> tuple[str, str]:
    """The names of a style's tensors."""
    return f"{style}.gpt_cond_latent", f"{style}.speaker_embedding"


def _styles(metadata: dict[str, str]) -> list[str]:
    if metadata.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    if missing := [key for key in KEYS if key not in metadata]:
        raise ValueError(f"it does not name its {missing[0]}")
    if len(metadata["settings"]) > LARGEST_SETTINGS:
        raise ValueError(f"its settings are longer than {LARGEST_SETTINGS} characters")
    styles = json.loads(metadata["styles"])
    if not (isinstance(styles, list) and 1 <= len(styles) <= MOST_STYLES and all(isinstance(s, str) for s in styles)):
        raise ValueError(f"it does not list 1 to {MOST_STYLES} styles")
    return styles


def _check(tensors: Mapping[str, NDArray[np.float32]], styles: list[str]) -> None:
    expected = {part for style in styles for part in _parts(style)}
    if set(tensors) != expected or len(expected) != 2 * len(styles):
        raise UnreadableLatents("the latents do not hold two tensors for each style that they list.")
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise UnreadableLatents(f"the latents' {name} is {tensor.dtype}; it must be float32.")
        if not np.isfinite(tensor).all():
            raise UnreadableLatents(f"the latents' {name} holds NaN or infinity.")
        if np.abs(tensor).max(initial=0) > LARGEST_VALUE:
            raise UnreadableLatents(f"the latents' {name} holds values over {LARGEST_VALUE:g}, which no model makes.")
