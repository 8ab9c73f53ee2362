"""The paths that more than one room treats in its own way."""

from typing import Final

from bentoml_patches.connections import PROBES as PROBES

METRICS: Final = "/metrics"
OPENAI: Final = "/v1/"
DOCUMENTATION: Final = frozenset(("/", "/docs.json", "/schema.json"))  # browsers open it without a header
FILES: Final = "/static_content/"  # of the documentation
OPEN: Final = PROBES | DOCUMENTATION  # nothing in them is secret


def is_open(path: str) -> bool:
    """Whether anybody may have what is there, key or no key, as often as they like."""
    return path in OPEN or path.startswith(FILES)
