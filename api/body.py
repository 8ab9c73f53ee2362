"""The base of all request bodies. What is wrong with one is said in plain words: what a field may be, and which name is
near where one is misspelled.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

PLAIN: Final = "plain"  # the type of faults that are in these words already
WORDS: Final = {  # by pydantic's type of the fault; filled in with its context
    "missing": "is needed",
    "string_type": "must be a text",
    "string_too_short": "may not be empty",
    "string_too_long": "may have at most {max_length} characters",
    "string_pattern_mismatch": "is not written as it must be: {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "must have at least {min_length} item(s); it has {actual_length}",
    "too_long": "may have at most {max_length} items",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _in_plain_words(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            faults = [_plain(fault, cls.model_fields) for fault in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(error.title, faults) from None


def words(fault: Mapping[str, Any], fields: Iterable[str] = ()) -> str:
    """A fault as pydantic describes it, in plain words. `fields`: those that the object may have."""
    kind = fault["type"]
    context = {name: _short(value) for name, value in fault.get("ctx", {}).items()}
    if kind == "extra_forbidden":
        return f"there is no such field{_nearest(str(fault['loc'][-1]), fields)}"
    if kind == "literal_error" and isinstance(fault.get("input"), str) and context:
        choices = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return WORDS[kind].format(**context) + _nearest(fault["input"], choices)
    if kind == "json_invalid":
        return f"The body is not JSON: {fault['msg'].removeprefix('Invalid JSON: ')}"
    try:
        return WORDS[kind].format(**context)
    except KeyError:  # ours, or one that none of our fields can have
        return str(fault["msg"]).removeprefix("Value error, ")


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _plain(fault: ErrorDetails, fields: Iterable[str]) -> InitErrorDetails:
    text = fault["msg"] if fault["type"] == PLAIN else words(fault, fields)
    return InitErrorDetails(type=_error(text), loc=fault["loc"], input=fault["input"])


def _error(text: str) -> PydanticCustomError:
    return PydanticCustomError(PLAIN, "{text}", {"text": text})
