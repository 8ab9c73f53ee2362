"""Blends of voices in a name, as Kokoro writes them: `anna(2)+bela`. Knows no voices."""

import re
from typing import Final

_PART: Final = re.compile(r"\s*([^()+]+?)\s*(?:\((\d+(?:\.\d+)?|\.\d+)\))?\s*")

Blend = list[tuple[str, float]]  # names and weights > 0, at least one


def parse_blend(name: str) -> Blend | None:
    """None where `name` is no blend, but the name of one voice or nothing at all."""
    if not ("+" in name or "(" in name):
        return None
    parts = [_PART.fullmatch(part) for part in name.split("+")]
    blend = [(part[1], float(part[2] or 1)) for part in parts if part is not None]
    return blend if len(blend) == len(parts) and all(weight > 0 for _, weight in blend) else None


def written(blend: Blend) -> str:
    return "+".join(f"{name}({weight:g})" for name, weight in blend)
