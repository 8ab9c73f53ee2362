"""Words for what pydantic finds wrong: which value, what may stand there, the nearest name."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

EXPLAINED = "explained"  # in the context of a fault whose message is from here already
LONGEST_SHOWN = 60  # characters of a value in a message


def explained(fault: ErrorDetails, schema: Mapping[str, Any]) -> str:
    """One fault in a sentence. `schema`: of the model that was validated, as `model_json_schema` makes it."""
    path = fault["loc"]
    if EXPLAINED in fault.get("ctx", {}):
        return fault["msg"]
    if fault["type"] == "value_error":
        return fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "string_unicode":
        return "half of a surrogate pair; write the character itself, or both halves"
    try:
        if fault["type"] == "extra_forbidden":
            known = _rules(path[:-1], schema)["properties"]
            return f"{shown(path[-1])} does not belong here; {nearest(str(path[-1]), known)}"
        right = _right(_rules(path, schema))
    except KeyError:
        return fault["msg"]
    if fault["type"] == "missing":
        return f"{shown(path[-1])} is missing; right is {right}"
    return f"{shown(fault['input'])} is not right; right is {right}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice about a name that is not known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {shown(close[0])}?" if close else f"there are: {', '.join(names) or 'none'}"


def shown(value: Any) -> str:
    """A JSON value for a message: whole where short, cut or named where long."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = json.dumps(value, ensure_ascii=False, default=str)  # YAML has dates
    text = text.encode("utf-8", "replace").decode()  # JSON has halves of surrogate pairs
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _rules(path: Sequence[str | int], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the schema for the value at `path`. Raises KeyError where it says nothing about it."""
    rules = _plain(schema, schema)
    for step in path:
        named = rules.get("properties", {})
        inner = rules["items"] if isinstance(step, int) else named.get(step, rules.get("additionalProperties"))
        if not isinstance(inner, dict):
            raise KeyError(step)
        rules = _plain(inner, schema)
    return rules


def _plain(rules: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without references, and without the null that stands for a field's absence."""
    if "anyOf" in rules:
        inner = [each for each in rules["anyOf"] if each.get("type") != "null"]
        rules = {**rules, **inner[0]} if len(inner) == 1 else rules
    return schema["$defs"][rules["$ref"].rpartition("/")[2]] if "$ref" in rules else rules


def _right(rules: Mapping[str, Any]) -> str:
    if "enum" in rules:
        return f"one of {', '.join(map(str, rules['enum']))}"
    match rules.get("type"):
        case "number" | "integer" as kind:
            return f"a {'whole ' * (kind == 'integer')}number{_bounds(rules)}"
        case "string" if "maxLength" in rules and "description" in rules:
            return f"a string{_length(rules) * ('minLength' in rules)}: {rules['description']}"
        case "string":
            return f"a string{_length(rules)}"
        case "null":
            return "null: leave it out"
        case "boolean":
            return "true or false"
        case "array":
            most = f" to {rules['maxItems']}" if "maxItems" in rules else " or more"
            return f"an array of {rules.get('minItems', 0)}{most}"
        case "object":
            needed = " and ".join(f"`{name}`" for name in rules.get("required", []))
            return f"an object with {needed}" if needed else "an object"
    return str(rules["description"])


def _length(rules: Mapping[str, Any]) -> str:
    if "maxLength" in rules:
        return f" of {rules.get('minLength', 0)} to {rules['maxLength']} characters"
    return " that is not empty" if rules.get("minLength") else ""


def _bounds(rules: Mapping[str, Any]) -> str:
    if "maximum" not in rules:
        return f" of at least {rules['minimum']}" if "minimum" in rules else ""
    low = f"above {rules['exclusiveMinimum']:g} and up to" if "exclusiveMinimum" in rules else ""
    low = low or (f"from {rules['minimum']} to" if "minimum" in rules else "")
    return f" {low} {rules['maximum']}".replace(".0 ", " ").removesuffix(".0") if low else ""
