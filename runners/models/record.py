"""Where a model came from: noted at its import, in the file in which BentoML keeps a model's metadata.

The file lies beside the model's own and goes with them: into another store, a bento, an image.
"""

from pathlib import Path

import yaml

RECORD = "model.yaml"


def record_of(source: str, folder: Path) -> dict[str, str]:
    """The metadata of a model that is imported from `source`. A copy of an imported model keeps its first source.

    Whose disk a folder lay on is nobody's business who gets the model.
    """
    return {"source": recorded_source(folder) or ("a folder" if Path(source).expanduser().is_dir() else source)}


def recorded_source(folder: Path) -> str | None:
    """None for a model that was not imported by us."""
    path = folder / RECORD
    try:
        content = yaml.safe_load(path.read_bytes()) if path.is_file() else None
    except yaml.YAMLError:  # somebody else's file of that name
        return None
    metadata = content.get("metadata") if isinstance(content, dict) else None
    source = metadata.get("source") if isinstance(metadata, dict) else None
    return source if isinstance(source, str) else None
