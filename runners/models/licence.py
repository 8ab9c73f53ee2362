"""The licence gate: which models start only after the operator has agreed to the CPML. Nothing here agrees for them.

Where an imported model came from is noted in the file in which BentoML keeps a model's metadata. The file lies beside
the model's own and goes with them: into another store, a bento, an image.
"""

from pathlib import Path

import yaml

from runners.checkpoint.files import LICENCE
from runners.errors import ConfigurationError

CPML = "Coqui Public Model License"
RECORD = "model.yaml"


def needs_consent(source: str, folder: Path) -> bool:
    """Whether the model takes consent: it comes from a URL, was imported from one, or its licence lies beside it.

    A folder without licence and record is what operators tuned themselves: theirs to judge.
    """
    licence = folder / LICENCE
    if is_url(source) or is_url(recorded_source(folder) or ""):
        return True
    return licence.is_file() and CPML in licence.read_text(errors="replace")


def is_url(source: str) -> bool:
    return "://" in source


def check_agreed(source: object, tos_agreed: bool) -> None:
    """Raises ConfigurationError, which says what to read and what to set, unless `tos_agreed`."""
    if not tos_agreed:
        raise ConfigurationError(
            f"XTTS_MODEL={source}: XTTS-v2 and what is tuned from it come under the {CPML} (CPML), which allows"
            " non-commercial use only. Read it at https://coqui.ai/cpml or as LICENSE.txt beside the model. If you"
            " accept it, set COQUI_TOS_AGREED=1."
        )


def recorded_source(folder: Path) -> str | None:
    """None for a model that was not imported by us. It may be a part of one, in a folder below."""
    for each in (folder, *folder.parents[:3]):
        try:
            content = yaml.safe_load((each / RECORD).read_bytes())
        except (OSError, yaml.YAMLError):  # none, or somebody else's file of that name
            continue
        metadata = content.get("metadata") if isinstance(content, dict) else None
        source = metadata.get("source") if isinstance(metadata, dict) else None
        if isinstance(source, str):
            return source
    return None
