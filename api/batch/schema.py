"""What a batch file may hold: `schema.json`, and a file's faults against it in words.

What would be right is said by the schema's own descriptions: every rule that can be broken has one.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError

from api.batch.source import Document, Fault, shown

SCHEMA_PATH = Path(__file__).with_name("schema.json")


def schema_faults(document: Document) -> list[Fault]:
    """Every fault that `schema.json` finds, each once."""
    faults: dict[Fault, None] = {}  # two rules broken by one value make one fault
    for error in Draft202012Validator(_schema()).iter_errors(document.value):
        faults.update(dict.fromkeys(_explain(document, error)))
    return list(faults)


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_bytes())
    return schema


def _explain(document: Document, error: ValidationError) -> Iterator[Fault]:
    path = tuple(error.absolute_path)
    value: Any = error.instance
    rules = cast(Mapping[str, Any], error.schema)
    if error.validator == "required":
        for name in rules["required"]:
            if name not in value:
                yield document.fault(path, f"{shown(name)} is missing; right is {_description(rules, name)}")
    elif error.validator == "additionalProperties":
        for name in value:
            if name not in rules["properties"]:
                yield document.fault((*path, name), _unknown(name, list(rules["properties"])), at_name=True)
    else:
        yield document.fault(path, f"{shown(value)} is not right; right is {rules['description']}")


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {shown(close[0])}?" if close else f"what may stand here: {', '.join(known)}"
    return f"{shown(name)} does not belong here; {advice}"


def _description(rules: Mapping[str, Any], name: str) -> str:
    rule: Mapping[str, Any] = rules["properties"][name]
    if "description" not in rule:
        rule = _schema()["$defs"][rule["$ref"].rpartition("/")[2]]
    return str(rule["description"])
