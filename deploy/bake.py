"""Prints a bentofile.yaml whose bento carries a model of BentoML's store and serves it: `python deploy/bake.py TAG`."""

import sys
from pathlib import Path

import bentoml
import yaml
from bentoml.exceptions import NotFound


def bake(bentofile: str, tag: str) -> str:
    """The file's text with the model in it. The licence of its weights is still the operator's to accept."""
    content = yaml.safe_load(bentofile)
    content["models"] = [tag]
    content["envs"] = [*content.get("envs", []), {"name": "XTTS_MODEL", "value": tag}]
    return yaml.safe_dump(content, sort_keys=False)


def main() -> None:
    try:
        tag = str(bentoml.models.get(sys.argv[1]).tag)  # `latest` becomes what it is today
    except NotFound:
        sys.exit(f"BentoML's store has no model {sys.argv[1]}. `make model-import` adds one.")
    print(bake(Path("bentofile.yaml").read_text(), tag))


if __name__ == "__main__":
    main()
