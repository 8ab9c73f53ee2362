"""The licence gate: which models start only after the operator has agreed to the CPML. Nothing here agrees for them."""

from pathlib import Path

from runners.errors import ConfigurationError
from runners.models.record import recorded_source

CPML = "Coqui Public Model License"


def may_be_under_cpml(folder: Path) -> bool:
    """Whether the model in a local folder takes consent: its licence lies beside it, or it was imported from a URL.

    What comes from the hub or a URL takes consent whatever lies beside it, and goes on to do so once it is in
    BentoML's store or an image. A folder without licence and record is what operators tuned themselves: theirs
    to judge.
    """
    return is_url(recorded_source(folder) or "") or carries_cpml(folder)


def is_url(source: str) -> bool:
    return "://" in source


def carries_cpml(folder: Path) -> bool:
    """Whether the licence of the real weights lies beside them."""
    licence = folder / "LICENSE.txt"
    return licence.is_file() and CPML in licence.read_text(errors="replace")


def check_agreed(model: object, tos_agreed: bool) -> None:
    """Raises ConfigurationError, which says what to read and what to set, unless `tos_agreed`."""
    if not tos_agreed:
        raise ConfigurationError(
            f"XTTS_MODEL={model}: XTTS-v2 and what is tuned from it come under the {CPML} (CPML), which allows"
            " non-commercial use only. Read it at https://coqui.ai/cpml or as LICENSE.txt beside the model. If you"
            " accept it, set COQUI_TOS_AGREED=1."
        )
